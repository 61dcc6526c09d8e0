import { setImmediate } from "node:timers/promises";
import { type Connector, type Format, memoryCheckpoints } from "@x/connector-api";
import { type NatsServer, startNatsServer } from "@x/nats-testkit";
import { afterAll, beforeAll, beforeEach, describe, expect, expectTypeOf, it } from "vitest";
import { z } from "zod";
import type { StandardSchema } from "../src/direct/standard-schema.ts";
import { type OpenSourceOptions, openSink, openSource } from "../src/direct.ts";
import { natsConnector } from "../src/nats-connector.ts";
import { type Observer, observe } from "./sink/sink-fixture.ts";

let server: NatsServer;
let observer: Observer;

beforeAll(async () => {
  server = await startNatsServer();
  observer = await observe(server.url);
});
afterAll(async () => {
  await observer.client.close();
  await server[Symbol.asyncDispose]();
});
beforeEach(async () => {
  for (const name of ["ORDERS", "LETTERS"]) await observer.api(`STREAM.DELETE.${name}`).catch(() => {});
  await observer.createStream({ name: "ORDERS", subjects: ["orders.>"] });
  await observer.createStream({ name: "LETTERS", subjects: ["letters.>"] });
});

const order = z.object({
  id: z.union([z.int(), z.bigint()]),
  at: z.iso.datetime().transform((text) => new Date(text)),
  region: z.string().default("eu"),
  lines: z.array(z.object({ item: z.string(), cents: z.int() })),
});
type Order = z.output<typeof order>;

const input = <T>(schema: StandardSchema<unknown, T>, more: object = {}): OpenSourceOptions<T> => ({
  ...{ servers: server.url, stream: "ORDERS", format: "json", name: "reader", untilCaughtUp: true },
  ...{ checkpoints: memoryCheckpoints(), schema, ...more },
});
const output = { stream: "ORDERS", subject: "orders.{region}", format: "json" };

async function publish(...payloads: string[]): Promise<void> {
  for (const payload of payloads) observer.client.publish("orders.eu", payload);
  await observer.client.flush();
}

const good = '{"id":9007199254740993,"at":"1970-01-01T00:00:01Z","lines":[{"item":"tea","cents":350}],"extra":[1]}';
const goodRow: Order = { id: 2n ** 53n + 1n, at: new Date(1000), region: "eu", lines: [{ item: "tea", cents: 350 }] };
const secret = '{"id":1,"at":"1970-01-01T00:00:01Z","lines":[{"item":"tea","cents":"hunter2"}]}';

/** A connector that has only what the trait asks for. */
function foreign(): Connector {
  const { openAckFloor: _, ...trait } = natsConnector();
  return trait as Connector;
}

/** A schema of no library: even numbers only, and it says what it saw. */
const even: StandardSchema<{ n: number }, { half: number }> = {
  "~standard": {
    version: 1,
    vendor: "even",
    validate(value) {
      const { n } = value as { n: unknown };
      if (typeof n === "number" && n % 2 === 0) return { value: { half: n / 2 } };
      return { issues: [{ message: `${String(n)} is odd`, path: [{ key: "n" }] }, { message: "and more" }] };
    },
  },
};

describe("a source with a Standard Schema", () => {
  it("gives what the schema makes of each object, typed, without losing a digit", async () => {
    await publish(good);
    await using source = await openSource({ ...input(order), schema: order });
    const rows: Order[] = [];
    for await (const row of source) {
      expectTypeOf(row).toEqualTypeOf<Order>();
      rows.push(row);
    }
    expect(rows).toEqual([goodRow]);
  });

  it("fails with the path of what is refused and the library, never the value", async () => {
    await publish(secret);
    await using source = await openSource(input(order));
    const error = await source
      .batches()
      .next()
      .catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: "BAD_DATA", context: { column: "lines[0].cents" } });
    expect(String(error)).toMatch(/column "lines\[0\]\.cents": refused by the zod schema$/);
    expect(JSON.stringify(error)).not.toContain("hunter2");
  });

  it.each([
    ["[]", /the row: expected a JSON object, got array$/],
    ['{"n":[1e400]}', /the row: expected JSON, got number that JSON cannot hold$/],
    ['{"n":3}', /column "n": refused by the even schema, and 1 more$/],
  ])("fails for %s", async (payload, message) => {
    await publish(payload);
    await using source = await openSource(input(even));
    const reading = source.batches().next();
    await expect(reading).rejects.toMatchObject({
      code: "BAD_DATA",
      message: expect.stringMatching(message) as string,
    });
  });

  it("drops and counts what is refused, line by line", async () => {
    await publish('{"n":2}\n{"n":3}\n[]\n{"n":1e400}\n{"n":8}');
    await using source = await openSource(input(even, { badData: "drop", framing: "newline" }));
    const rows: { half: number }[] = [];
    for await (const row of source) rows.push(row);
    expect(rows).toEqual([{ half: 1 }, { half: 4 }]);
    expect(source.counters).toMatchObject({ rowsIn: 2, badRows: 3 });
  });

  it("keeps what is refused in the dead letters", async () => {
    await publish(secret, good);
    const letters = { badData: "dead_letter", deadLetter: { subject: "letters.orders" } };
    await using source = await openSource(input(order, letters));
    const rows: Order[] = [];
    for await (const row of source) rows.push(row);
    expect(rows).toEqual([goodRow]);
    expect(await observer.stateOf("LETTERS")).toMatchObject({ messages: 1 });
  });

  it("waits for a decoder of a format of one's own that learns while it runs", async () => {
    let known = false;
    const learning: Format = {
      ...{ name: "learning", text: true, anyRows: true, fromOptions: () => ({}), parse: () => ({}) },
      openDecoder: async () => ({
        async prepare() {
          await setImmediate();
          known = true;
        },
        decode: (payload, rows) => void rows.push({ n: known ? payload.length : 1 }),
      }),
    };
    await publish("four");
    const connector = natsConnector({ formats: [learning] });
    await using source = await openSource(input(even, { connector, format: "learning" }));
    expect(await source.batches().next()).toMatchObject({ value: { rows: [{ half: 2 }] } });
  });

  it.each([
    ["zod", z.object({ n: z.number().refine(async () => true) })],
    ["even", { "~standard": { ...even["~standard"], validate: () => Promise.reject(new Error("late")) } }],
  ])("ends at the first row when the schema answers later: %s", async (vendor, later) => {
    await publish('{"n":2}');
    await using source = await openSource(input<{ n: number } | { half: number }>(later, { badData: "drop" }));
    await expect(source.batches().next()).rejects.toMatchObject({
      code: "SCHEMA_INVALID",
      message: `the ${vendor} schema validates asynchronously; rows need one that answers at once`,
    });
  });

  it.each([
    ["SCHEMA_INVALID", 'format "avro" needs columns; give a schema of defineSchema', { format: "avro" }],
    ["SCHEMA_INVALID", "json.unstructured", { json: { unstructured: true } }],
    ["UNSUPPORTED", 'connector "nats" takes columns; give a schema of defineSchema', { connector: foreign() }],
  ])("is refused with %s: %s", async (code, message, more) => {
    const opening = openSource(input(order, more));
    await expect(opening).rejects.toMatchObject({ code, message: expect.stringContaining(message) as string });
  });
});

describe("a sink with a Standard Schema", () => {
  it("writes what the schema makes of each row, and takes the type that goes in", async () => {
    const sink = await openSink({ servers: server.url, ...output, subject: "orders.even", schema: even });
    expectTypeOf(sink.write).parameter(0).toEqualTypeOf<{ n: number } | readonly { n: number }[]>();
    await sink.write([{ n: 2 }, { n: 8 }]);
    await sink.close();
    const half = z.object({ half: z.int() });
    await using source = await openSource(input(half));
    const rows: { half: number }[] = [];
    for await (const row of source) rows.push(row);
    expect(rows).toEqual([{ half: 1 }, { half: 4 }]);
  });

  it("refuses a row before anything of it is written, and names no value", async () => {
    const bill = z.object({ region: z.string(), note: z.literal("paid") });
    const sink = await openSink({ servers: server.url, ...output, schema: bill });
    const wrong = { region: "eu", note: "hunter2" } as unknown as z.input<typeof bill>;
    const error = await sink.write([{ region: "eu", note: "paid" }, wrong]).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: "BAD_DATA", message: 'column "note": refused by the zod schema' });
    expect(JSON.stringify(error)).not.toContain("hunter2");
    await sink.close();
    expect(await observer.stateOf("ORDERS")).toMatchObject({ messages: 1 });
  });

  it("is the row type of what goes in, and is held against one that is given", () => {
    const common = { servers: server.url, format: "json", subject: "x" };
    const sink = () => openSink({ ...common, schema: order });
    type Written = Parameters<Awaited<ReturnType<typeof sink>>["write"]>[0];
    expectTypeOf<Written>().toEqualTypeOf<z.input<typeof order> | readonly z.input<typeof order>[]>();
    // @ts-expect-error The schema gives rows of another type.
    expectTypeOf(() => openSource<{ name: string }>({ ...common, schema: order })).toBeFunction();
  });

  it("counts what it drops", async () => {
    const sink = await openSink({ servers: server.url, ...output, subject: "orders.x", schema: even, badData: "drop" });
    await sink.write([{ n: 1 }, { n: 2 }, { n: 3 }]);
    await sink.close();
    expect(sink.counters).toMatchObject({ rowsOut: 1, badRows: 2 });
  });
});

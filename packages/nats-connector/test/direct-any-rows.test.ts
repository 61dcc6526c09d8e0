import { defineSchema, memoryCheckpoints } from "@x/connector-api";
import { type NatsServer, startNatsServer } from "@x/nats-testkit";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { openSink, openSource } from "../src/direct.ts";
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
  await observer.api("STREAM.DELETE.BILLS").catch(() => {});
  await observer.createStream({ name: "BILLS", subjects: ["bills.>"] });
});

interface Bill {
  readonly id: number | bigint;
  readonly customer: string;
  readonly lines?: readonly { readonly item: string; readonly cents: number }[];
  readonly paid?: Date | undefined;
}

const open = () =>
  openSink<Bill>({
    servers: server.url,
    stream: "BILLS",
    subject: "bills.{customer}",
    format: "json",
    messageId: "{id}",
  });

describe("a sink without columns", () => {
  it("writes each row with the keys it has, under subject and id taken from it", async () => {
    await using sink = await open();
    await sink.write([
      { id: 2n ** 60n, customer: "ada", paid: new Date(0), lines: [{ item: "tea", cents: 350 }] },
      { customer: "bob", id: 2, paid: undefined },
      { customer: "bob", id: 2 },
    ]);
    await sink.flush();
    const schema = defineSchema({ id: "BIGINT", customer: "TEXT", lines: "JSON", paid: "TIMESTAMP" });
    const input = { servers: server.url, stream: "BILLS", format: "json", schema, name: "reader", untilCaughtUp: true };
    await using source = await openSource({ ...input, checkpoints: memoryCheckpoints() });
    const rows: unknown[] = [];
    for await (const row of source) rows.push(row);
    expect(rows).toEqual([
      { id: 2n ** 60n, customer: "ada", paid: new Date(0), lines: [{ item: "tea", cents: 350 }] },
      { id: 2, customer: "bob", paid: null, lines: null },
    ]);
  });

  it.each([
    ["a subject", { id: 1 }, /subject: .*"customer" is null/],
    ["a subject token", { id: 1, customer: "a.b" }, /"customer" does not fit in one token/],
    ["a payload", { id: 1, customer: "ada", lines: [new Map()] }, /column "lines": expected a value of JSON/],
    ["an id", { id: { n: 1 }, customer: "ada" }, /column "id": expected text, a number/],
  ])("refuses what makes no %s", async (_, row, message) => {
    const sink = await open();
    await expect(
      (async () => {
        await sink.write([row as unknown as Bill]);
        await sink.flush();
      })(),
    ).rejects.toMatchObject({ code: "BAD_DATA", message: expect.stringMatching(message) as string });
    await sink.close().catch(() => {});
  });

  it("is refused where the format needs columns", async () => {
    const sink = openSink({ servers: server.url, subject: "x", format: "avro" });
    await expect(sink).rejects.toMatchObject({ code: "SCHEMA_INVALID" });
    const source = openSource({ servers: server.url, subject: "x", format: "json", schema: { columns: [] } });
    await expect(source).rejects.toMatchObject({ code: "SCHEMA_INVALID" });
  });
});

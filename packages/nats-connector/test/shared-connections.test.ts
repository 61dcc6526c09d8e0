import { defineSchema, memoryCheckpoints } from "@x/connector-api";
import { findFreePort, type NatsServer, startFaultProxy, startNatsServer } from "@x/nats-testkit";
import { connect } from "nats";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { DirectSink } from "../src/direct/direct-sink.ts";
import { openSink, openSource } from "../src/direct.ts";
import { type NatsConnector, natsConnector } from "../src/nats-connector.ts";
import { type Observer, observe, revive } from "./sink/sink-fixture.ts";

const schema = defineSchema({ id: "BIGINT NOT NULL", region: "TEXT" });
type Order = { id: number | bigint; region: string | null };

/** `limited` may write what it likes but not to `core.us`. */
const config = (monitor: number, limited: string): string => `http: "127.0.0.1:${monitor}"
  authorization { users: [
    { user: admin, password: admin },
    { user: limited, password: ${limited}, permissions: { publish: { deny: "core.us" } } },
  ] }`;
const auth = (username: string) => ({ type: "credentials", username, password: username }) as const;

let monitor: number;
let server: NatsServer;
let observer: Observer;
let connector: NatsConnector;
beforeAll(async () => {
  monitor = await findFreePort();
  server = await startNatsServer({ config: config(monitor, "limited") });
  observer = await observe(server.url, { user: "admin", pass: "admin" });
});
afterAll(async () => {
  await observer?.client.close();
  await server?.[Symbol.asyncDispose]();
});
beforeEach(async () => {
  connector = natsConnector();
  for (const name of ["IN", "OUT"]) await observer.api(`STREAM.DELETE.${name}`).catch(() => {});
  await observer.createStream({ name: "IN", subjects: ["in.>"] });
  await observer.createStream({ name: "OUT", subjects: ["out.>"] });
});

/** Names of the connections beside the observer's own. */
async function connections(): Promise<string[]> {
  const answer = await fetch(`http://127.0.0.1:${monitor}/connz`);
  const { connections: all } = (await answer.json()) as { connections: { cid: number; name?: string }[] };
  return all.flatMap(({ cid, name = "" }) => (cid === observer.client.info?.client_id ? [] : [name])).sort();
}

const common = (user = "admin") => ({ connector, servers: server.url, auth: auth(user), format: "json", schema });
const source = (name: string, more: object = {}) =>
  openSource<Order>({ ...common(), stream: "IN", name, checkpoints: memoryCheckpoints(), ...more });
const sink = (name: string, more: object = {}): Promise<DirectSink<Order>> =>
  openSink<Order>({ ...common(), stream: "OUT", subject: "out.{region}", name, ...more });
const rows = (from: number, to: number, region = "eu"): Order[] =>
  Array.from({ length: to - from + 1 }, (_, i) => ({ id: from + i, region }));

async function write(target: DirectSink<Order>, given: readonly Order[]): Promise<void> {
  await target.write(given);
  await target.flush();
}

describe("operators of one connector", () => {
  it("share one connection where their profiles are equal, until the last one closes", async () => {
    const [reader, second] = [await source("a"), await source("b")];
    const [writer, other] = [await sink("a"), await sink("b")];
    expect(await connections()).toEqual(["a"]);
    await write(writer, rows(1, 3));
    await writer.close();
    await second.close();
    await write(other, rows(4, 500));
    await observer.client.jetstream().publish("in.x", JSON.stringify(rows(1, 1)[0]));
    for await (const batch of reader.batches()) if (batch.rows.length > 0) break;
    expect(await observer.idsOf("OUT")).toEqual(rows(1, 500).map(({ id }) => id));
    await other.close();
    expect(await connections()).toEqual(["a"]);
    await reader.close();
    await expect.poll(connections).toEqual([]);
  });

  it("have one each where a profile differs, and where an operator cannot make good what a reconnect drops", async () => {
    const opened = [
      await sink("plain"),
      await sink("p1", { auth: auth("limited") }),
      await sink("p2", { inboxPrefix: "_INBOX.own" }),
      await sink("p3", { connectionName: "named" }),
      await sink("p4", { servers: server.url.replace("127.0.0.1", "localhost") }),
      await sink("p5", { reconnectTimeout: "1h" }),
      await sink("once", { delivery: "at_most_once" }),
      await openSource<Order>({ ...common(), subject: "core.in", name: "core" }),
    ];
    expect(await connections()).toEqual(["core", "named", "once", "p1", "p2", "p4", "p5", "plain"]);
    await Promise.all(opened.map((each) => each.close()));
    await expect.poll(connections).toEqual([]);
  });

  it("fail alone on a subject that the user of both may not publish to", async () => {
    const core = { stream: undefined, subject: "core.{region}", auth: auth("limited") };
    const [one, two] = [await sink("one", core), await sink("two", core)];
    expect(await connections()).toEqual(["one"]);
    await expect(write(one, rows(1, 1, "us"))).rejects.toMatchObject({ code: "PERMISSION_DENIED" });
    await write(two, rows(1, 100));
    expect(two.counters.rowsOut).toBe(100);
    await one.close();
    await write(two, rows(1, 100));
    expect(two.counters.rowsOut).toBe(200);
    await two.close();
  });

  it("fail alone on it at most once, too, on a connection that was handed in", async () => {
    const client = await connect({ servers: server.url, user: "limited", pass: "limited" });
    const handedIn = { connector: undefined, client, servers: undefined, auth: undefined };
    const core = { ...handedIn, stream: undefined, subject: "core.{region}", delivery: "at_most_once" };
    const [one, two] = [await sink("one", core), await sink("two", core)];
    await expect(write(one, rows(1, 1, "us"))).rejects.toMatchObject({ code: "PERMISSION_DENIED" });
    await write(two, rows(1, 100));
    expect(two.counters.rowsOut).toBe(100);
    await Promise.all([one.close(), two.close()]);
    await client.close();
  });

  it("count an outage each, and go on together", async () => {
    const [one, two] = [await sink("one"), await sink("two")];
    await server.kill();
    await expect.poll(() => [one.counters.away, two.counters.away]).toEqual([1, 1]);
    await revive(server);
    await Promise.all([write(one, rows(1, 100)), write(two, rows(101, 200))]);
    for (const { counters } of [one, two]) expect(counters).toMatchObject({ away: 0, reconnects: 1, rowsOut: 100 });
    await Promise.all([one.close(), two.close()]);
  });
});

describe("a connection that is refused or given up", () => {
  it("ends who holds it, and nobody of another profile", async () => {
    const brief = { auth: { ...auth("limited"), retryWindowMs: 200 } };
    const [mine, refused] = [await sink("mine"), await sink("refused", brief)];
    await server.reload(config(monitor, "changed"));
    const ended = (): Promise<unknown> => write(refused, rows(1, 1)).then(String, ({ code }: { code: string }) => code);
    await expect.poll(ended, { timeout: 20_000 }).toBe("AUTH_FAILED");
    await write(mine, rows(1, 100));
    expect(mine.counters.rowsOut).toBe(100);
    await server.reload(config(monitor, "limited"));
    // While the one that was given up is still held.
    await using again = await sink("again", brief);
    await write(again, rows(101, 200));
    await Promise.all([mine.close(), refused.close()]);
  }, 40_000);

  it("a start while the others' connection is away fails within its own budget, and they go on", async () => {
    const options = { connectTimeoutMs: 2000 };
    await using other = await sink("other", options);
    await server.kill();
    await expect.poll(() => other.counters.away).toBe(1);
    await expect(sink("late", options)).rejects.toMatchObject({ code: "CONNECT_FAILED", exitCode: 7 });
    await revive(server);
    await write(other, rows(1, 100));
    await using late = await sink("late", options);
    expect(await connections()).toEqual(["other"]);
    await write(late, rows(1, 1));
  }, 20_000);
});

it("a start that is stopped while it dials does not stop the one that waits for the same dial", async () => {
  await using proxy = await startFaultProxy({ target: server.url });
  await proxy.refuse(true);
  const first = new AbortController();
  const one = sink("one", { servers: proxy.url, signal: first.signal });
  const two = sink("two", { servers: proxy.url });
  first.abort();
  await expect(one).rejects.toMatchObject({ code: "ABORTED" });
  await proxy.refuse(false);
  await using opened = await two;
  await write(opened, rows(1, 1));
});

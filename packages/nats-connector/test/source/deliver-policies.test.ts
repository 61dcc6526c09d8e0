import { setTimeout as sleep } from "node:timers/promises";
import type { SourceSnapshot } from "@x/connector-api";
import { describe, expect, test } from "vitest";
import type { DeliverConfig } from "../../src/jetstream-source-table.js";
import type { JetStreamSourceTable } from "../../src/table-config.js";
import { createHost, type HostOptions, jobId, type SourceHost, streamSource } from "./source-host.js";
import { range, withStreams } from "./stream-fixture.js";

const fixture = withStreams();

type Table = Partial<JetStreamSourceTable> & { stream: string };
const host = (table: Table, options: HostOptions = {}): SourceHost =>
  createHost(streamSource(fixture.server.url, table), options);

/** As `kill -9`: nothing is closed, no consumer is deleted. */
async function kill(one: SourceHost, running?: Promise<unknown>): Promise<void> {
  one.stop.abort();
  await running;
}

async function readOn(table: Table, restored: SourceSnapshot, identity: HostOptions["identity"]): Promise<string[]> {
  const one = host(table, { restored, identity: { ...identity, epoch: 2 }, untilCaughtUp: true });
  await one.open();
  await one.run();
  await one.source.close();
  return one.values();
}

describe("a kill before the first checkpoint", () => {
  const middle = "by_start_time";
  const policies: readonly (readonly [DeliverConfig["policy"], readonly string[]])[] = [
    ["all", range(1, 70)],
    ["new", range(61, 70)],
    ["last", range(60, 70)],
    // What was the state is superseded by then.
    ["last_per_subject", range(61, 70)],
    ["by_start_sequence", range(21, 70)],
    [middle, range(51, 70)],
  ];

  test.each(policies)("%s: goes on where the first start was resolved to", async (policy, expected) => {
    const stream = `KILL_${policy}`;
    await fixture.fill(stream, 50);
    await sleep(20);
    const startTime = new Date().toISOString();
    await sleep(20);
    await fixture.publish(stream, 51, 60);
    const own = policy === "by_start_sequence" ? { startSequence: 21 } : policy === middle ? { startTime } : {};
    const table = { stream, deliver: { policy, ...own } as DeliverConfig };
    const identity = { jobId: jobId() };
    const first = host(table, { identity });
    await first.open();
    const pinned = await first.checkpoint(0);
    const running = first.run();
    await fixture.publish(stream, 61, 70);
    await first.until(1);
    await kill(first, running);
    expect(await readOn(table, pinned, identity)).toEqual(expected);
    await first.source.close();
  });
});

describe("last_per_subject", () => {
  const publish = async (stream: string, pairs: readonly (readonly [string, number])[]): Promise<void> => {
    for (const [key, value] of pairs) await fixture.client.jetstream().publish(`${stream}.${key}`, String(value));
  };
  const policy = { deliver: { policy: "last_per_subject" } } as const;

  test("reads the present state, then everything that follows, superseded or not", async () => {
    await fixture.fill("STATE", 0);
    await publish("STATE", [
      ["a", 1],
      ["b", 2],
      ["b", 3],
      ["c", 4],
    ]);
    const one = host({ stream: "STATE", ...policy });
    await one.open();
    const running = one.run();
    await one.until(3);
    await publish("STATE", [
      ["a", 5],
      ["a", 6],
      ["d", 7],
    ]);
    await one.until(6);
    expect(one.values()).toEqual(["1", "3", "4", "5", "6", "7"]);
    expect(one.counters.gaps).toBe(0);
    expect((await one.checkpoint(1)).get("0")).toMatchObject({ lastSeq: "7", initialUntil: "4" });
    one.drain.abort();
    await running;
    await one.source.close();
  });

  test("killed in the middle of its first pass: nothing of the state is lost, nothing superseded comes back", async () => {
    const stream = "MIDDLE";
    const keys = 300;
    await fixture.fill(stream, 0);
    // Each key twice, the second one is its state: 301..600.
    const all = range(1, 2 * keys).map((value) => [`k${(Number(value) - 1) % keys}`, Number(value)] as const);
    const js = fixture.client.jetstream();
    await Promise.all(all.map(([key, value]) => js.publish(`${stream}.${key}`, String(value))));
    const identity = { jobId: jobId() };
    const first = host({ stream, ...policy, maxBatch: 10 }, { identity, capacity: 100 });
    await first.open();
    await first.checkpoint(0);
    const running = first.run();
    await first.until(100);
    const restored = await first.checkpoint(1);
    const handedOn = first.values();
    await kill(first, running);
    const at = Number(restored.get("0")?.lastSeq);
    expect(restored.get("0")).toMatchObject({ initialUntil: String(2 * keys) });
    // Two keys that were not read yet get newer values, one of them twice; one that was read, too.
    await publish(stream, [
      ["k250", 601],
      ["k299", 602],
      ["k250", 603],
      ["k0", 604],
    ]);
    const before = handedOn.filter((value) => Number(value) <= at);
    const after = await readOn({ stream, ...policy }, restored, identity);
    const state = range(keys + 1, 2 * keys).filter((value) => value !== "551" && value !== "600");
    expect([...before, ...after]).toEqual([...state, "601", "602", "603", "604"]);
    await first.source.close();
  });
});

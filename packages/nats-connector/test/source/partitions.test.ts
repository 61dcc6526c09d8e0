import type { SourceSnapshot } from "@x/connector-api";
import { RetentionPolicy, type StreamConfig } from "nats";
import { describe, expect, test } from "vitest";
import type { JetStreamSourceTable } from "../../src/table-config.js";
import { createHost, type HostOptions, jobId, type SourceHost, streamSource } from "./source-host.js";
import { range, withStreams } from "./stream-fixture.js";

const fixture = withStreams();
/** Several filters and transforms need 2.10. */
const isOld = (): boolean => fixture.server.version.startsWith("2.9.");

type Table = Partial<JetStreamSourceTable> & { stream: string };
const host = (table: Table, options: HostOptions = {}): SourceHost =>
  createHost(streamSource(fixture.server.url, table), options);

/** A stream on `S.<number>.<key>` with "1" … "count" over `partitions` numbers, in turn. */
async function fill(
  stream: string,
  count: number,
  partitions: number,
  config: Partial<StreamConfig> = {},
): Promise<void> {
  await fixture.jsm.streams.add({ name: stream, subjects: [`${stream}.*.*`], ...config });
  await publish(stream, 1, count, partitions);
}

async function publish(stream: string, from: number, to: number, partitions: number): Promise<void> {
  const js = fixture.client.jetstream();
  await Promise.all(range(from, to).map((value) => js.publish(`${stream}.${Number(value) % partitions}.k`, value)));
}

/** What each split has handed on, in order. */
function bySplit(one: SourceHost): Record<string, string[]> {
  const values: Record<string, string[]> = {};
  for (const batch of one.batches) {
    values[batch.split] ??= [];
    values[batch.split]?.push(...batch.rows.map((row) => String(row.value)));
  }
  return values;
}

const share = (from: number, to: number, partitions: number, index: number): string[] =>
  range(from, to).filter((value) => Number(value) % partitions === index);

const byToken = (count: number) => ({ by: "token", token: 2, count }) as const;

describe("a partitioned stream", () => {
  test("is read once, each split in order by itself, and each with a position of its own", async () => {
    await fill("TOKEN", 1000, 4);
    const one = host({ stream: "TOKEN", partition: byToken(4), maxBatch: 40 }, { untilCaughtUp: true });
    await one.open();
    expect([...(one.source.starts?.() ?? [])]).toEqual(["0", "1", "2", "3"].map((name) => [name, "0.0."]));
    expect(await one.run()).toBe("final");
    const values = bySplit(one);
    for (let i = 0; i < 4; i++) expect(values[i]).toEqual(share(1, 1000, 4, i));
    const snapshot = await one.checkpoint(1);
    expect([...snapshot.keys()]).toEqual(["0", "1", "2", "3"]);
    expect([...snapshot.values()].map((state) => state.filters)).toEqual([0, 1, 2, 3].map((i) => [`TOKEN.${i}.*`]));
    await one.source.close();
    expect((await fixture.jsm.streams.info("TOKEN")).state.consumer_count).toBe(0);
  });

  test("is shared among sources that read one split each, under the state of a source of all", async () => {
    await fill("SHARED", 400, 4);
    const partition = byToken(4);
    const all = host({ stream: "SHARED", partition }, { untilCaughtUp: true });
    await all.open();
    await all.run();
    for (const only of ["0", "3"]) {
      const one = host({ stream: "SHARED", partition, only }, { untilCaughtUp: true });
      expect(one.source.origin).toMatchObject({ splits: [only], outOf: 4 });
      await one.open();
      expect(await one.run()).toBe("final");
      expect(bySplit(one)).toEqual({ [only]: share(1, 400, 4, Number(only)) });
      expect((await one.checkpoint(1)).get(only)).toMatchObject({
        filters: [`SHARED.${only}.*`],
        cut: "4 splits by token 2",
      });
      await one.source.close();
    }
    await all.source.close();
  });

  test("goes on per split behind a checkpoint, and an idle split holds nothing up", async () => {
    await fill("RESUME", 400, 4);
    const identity = { jobId: jobId() };
    const first = host({ stream: "RESUME", partition: byToken(4), maxBatch: 8 }, { identity, capacity: 100 });
    await first.open();
    const running = first.run();
    await first.until(100);
    const restored = await first.checkpoint(1);
    const seen = bySplit(first);
    first.stop.abort();
    await running;
    await first.source.close();
    // Two splits go on, two have nothing new.
    for (const value of range(401, 440))
      await fixture.client.jetstream().publish(`RESUME.${Number(value) % 2}.k`, value);
    const second = host(
      { stream: "RESUME", partition: byToken(4) },
      { identity: { ...identity, epoch: 2 }, restored, untilCaughtUp: true },
    );
    await second.open();
    await second.run();
    const rest = bySplit(second);
    for (let i = 0; i < 4; i++) {
      const handedOn = share(1, 400, 4, i).filter((_, at) => at < countUpTo(restored, String(i), share(1, 400, 4, i)));
      expect(handedOn).toEqual((seen[i] ?? []).slice(0, handedOn.length));
      const more = i < 2 ? share(401, 440, 2, i) : [];
      expect([...handedOn, ...(rest[i] ?? [])]).toEqual([...share(1, 400, 4, i), ...more]);
    }
    await second.source.close();
  });

  test("is cut by the stream's own transform", async () => {
    if (isOld()) return;
    await fixture.jsm.streams.add({
      name: "TRANSFORM",
      subjects: ["TRANSFORM.*"],
      subject_transform: { src: "TRANSFORM.*", dest: "t.{{partition(3,1)}}.{{wildcard(1)}}" },
    });
    const js = fixture.client.jetstream();
    for (let i = 0; i < 300; i++) await js.publish(`TRANSFORM.k${i % 30}`, `k${i % 30}:${i}`);
    const one = host({ stream: "TRANSFORM", partition: { by: "transform", count: 3 } }, { untilCaughtUp: true });
    await one.open();
    await one.run();
    const splits = Object.values(bySplit(one));
    expect(splits.flat().length).toBe(300);
    // A key is in one split only, and in order there.
    const keysOf = (values: string[]): Set<string> => new Set(values.map((value) => value.split(":")[0] ?? ""));
    expect(splits.map((values) => keysOf(values).size).reduce((sum, size) => sum + size)).toBe(30);
    for (const values of splits) {
      const numbers = values.map((value) => Number(value.split(":")[1]));
      expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
    }
    await one.source.close();
  });

  test("is cut by given filters, whose order and number belong to the state", async () => {
    await fixture.fill("FILTERS", 90);
    const filters = ["FILTERS.k0", "FILTERS.k1", "FILTERS.k2"];
    const one = host({ stream: "FILTERS", partition: { by: "filters", filters } }, { untilCaughtUp: true });
    await one.open();
    await one.run();
    expect(bySplit(one)).toEqual({ 0: share(1, 90, 3, 1), 1: share(1, 90, 3, 2), 2: share(1, 90, 3, 0) });
    const restored = await one.checkpoint(1);
    await one.source.close();
    const others: readonly Partial<JetStreamSourceTable>[] = [
      { partition: { by: "filters", filters: [...filters].reverse() } },
      { partition: { by: "filters", filters: filters.slice(1) } },
      { partition: byToken(3) },
      {},
    ];
    for (const other of others) {
      const next = host({ stream: "FILTERS", ...other }, { restored });
      await expect(next.open()).rejects.toMatchObject({ code: expect.stringMatching(/STATE_INVALID|OPTION_INVALID/) });
      await next.source.close();
    }
  });

  test("a message in no partition is refused at start, naming its subject", async () => {
    await fill("BEHIND", 50, 5);
    const fewer = host({ stream: "BEHIND", partition: byToken(4) });
    await expect(fewer.open()).rejects.toMatchObject({ code: "OPTION_INVALID", context: { subject: "BEHIND.4.k" } });
    await fewer.source.close();
    await fixture.client.jetstream().publish("BEHIND.east.k", "x");
    const words = host({ stream: "BEHIND", partition: byToken(5) });
    await expect(words.open()).rejects.toMatchObject({ code: "OPTION_INVALID", context: { subject: "BEHIND.east.k" } });
    await words.source.close();
    expect((await fixture.jsm.streams.info("BEHIND")).state.consumer_count).toBe(0);
  });

  test("one split that fails stops the others, and what was read is handed on", async () => {
    await fill("FAIL", 30, 3);
    const one = host({ stream: "FAIL", partition: byToken(3) });
    await one.open();
    const running = one.run();
    running.catch(() => {});
    await one.until(30);
    await fixture.client.jetstream().publish("FAIL.1.k", "poison");
    await expect(running).rejects.toMatchObject({ code: "BAD_DATA" });
    expect(one.values().length).toBe(30);
    await one.source.close();
  });

  test.each([RetentionPolicy.Interest, RetentionPolicy.Workqueue])("%s: each split acks its own", async (retention) => {
    const stream = `ACKS_${retention}`;
    await fill(stream, 0, 3, { retention });
    const identity = { jobId: jobId() };
    const one = host({ stream, partition: byToken(3) }, { identity });
    await one.open();
    const running = one.run();
    await publish(stream, 1, 300, 3);
    await one.until(300);
    expect((await fixture.jsm.streams.info(stream)).state.messages).toBe(300);
    const restored = await one.checkpoint(1);
    await expect.poll(async () => (await fixture.jsm.streams.info(stream)).state.messages).toBe(0);
    one.stop.abort();
    await running;
    await one.source.close();
    await publish(stream, 301, 330, 3);
    const next = host({ stream, partition: byToken(3) }, { identity: { ...identity, epoch: 2 }, restored });
    await next.open();
    const again = next.run();
    await next.until(30);
    expect(next.values().sort()).toEqual(range(301, 330).sort());
    expect((await fixture.jsm.streams.info(stream)).state.consumer_count).toBe(3);
    next.stop.abort();
    await again;
    await next.source.close();
  });
});

/** How many messages of a split its state covers. */
function countUpTo(snapshot: SourceSnapshot, split: string, values: readonly string[]): number {
  const lastSeq = Number(snapshot.get(split)?.lastSeq);
  return values.filter((value) => Number(value) <= lastSeq).length;
}

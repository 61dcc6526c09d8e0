import { expect, test } from "vitest";
import {
  ConnectorError,
  createCounters,
  createSourceCollector,
  failOnBadData,
  type RecordBatch,
} from "../src/index.ts";

function collecting(prepare: (payload: Uint8Array) => Promise<void> | undefined) {
  const batches: RecordBatch[] = [];
  const collector = createSourceCollector({
    downstream: {
      accept: (batch) => void batches.push(batch),
      idle: false,
      hasRoom: true,
      room: () => Promise.resolve(),
    },
    counters: createCounters(),
  });
  collector.initialize<null>({
    decoder: { prepare, decode: (payload, rows) => void rows.push({ n: payload[0] as number }) },
    badData: failOnBadData,
    metadata: [],
    describe: () => "a message",
  });
  return { batches, collector, split: collector.split<null>("s") };
}

test("inputs wait for their decoder in order, without room, and no batch passes them", async () => {
  const waits = new Map<number, () => void>();
  const known = new Set<number>([1]);
  const { batches, collector, split } = collecting((payload) => {
    const id = payload[0] as number;
    if (known.has(id)) return undefined;
    return new Promise((resolve) => {
      waits.set(id, () => {
        known.add(id);
        resolve();
      });
    });
  });
  const payload = Uint8Array.of(1);
  for (const n of [1, 2, 1, 3]) {
    payload[0] = n;
    split.collect(payload, `p${n}`, null);
  }
  split.advance("p9");
  expect(collector.hasRoom).toBe(false);
  collector.flush();
  expect(split.handedOn).toBe("p1");
  const room = collector.room();
  waits.get(2)?.();
  await new Promise((resolve) => setImmediate(resolve));
  expect(collector.hasRoom).toBe(false);
  waits.get(3)?.();
  await room;
  expect(collector.hasRoom).toBe(true);
  collector.flush();
  expect(batches.flatMap(({ rows }) => rows.map(({ n }) => n))).toEqual([1, 2, 1, 3]);
  expect(split.handedOn).toBe("p9");
});

test("what cannot be had ends the run", async () => {
  const error = new ConnectorError("SERVER_UNAVAILABLE", "the registry is gone");
  const { collector, split } = collecting(() => Promise.reject(error));
  split.collect(Uint8Array.of(1), "p1", null);
  await expect(collector.room()).rejects.toBe(error);
  expect(() => split.collect(Uint8Array.of(1), "p2", null)).toThrow(error);
  expect(collector.hasRoom).toBe(false);
  expect(split.handedOn).toBeUndefined();
});

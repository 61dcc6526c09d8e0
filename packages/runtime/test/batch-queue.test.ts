import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { RecordBatch } from "@x/connector-api";
import { describe, expect, test } from "vitest";
import { BatchQueue } from "../src/batch-queue.js";

const batch = (rows: number, end: number): RecordBatch => ({
  rows: Array.from({ length: rows }, () => ({})),
  split: "0",
  positions: Array.from({ length: rows }, () => end),
  end,
});
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const barrier = { checkpointId: 1, final: false };

describe("BatchQueue", () => {
  test("gives items in the order they came, barriers among batches", async () => {
    const queue = new BatchQueue({ maxRows: 10, maxBytes: 100 });
    queue.accept(batch(1, 1), 1);
    const reached = queue.putBarrier(barrier);
    queue.accept(batch(1, 2), 1);
    const kinds: string[] = [];
    for (let item = queue.take(); item !== undefined; item = queue.take()) {
      kinds.push(item.kind);
      if (item.kind === "barrier") item.reached(Promise.resolve());
    }
    expect(kinds).toEqual(["batch", "barrier", "batch"]);
    await reached;
  });

  test("merges batches that wait, of one split, up to a number of rows and never over a barrier", async () => {
    const queue = new BatchQueue({ maxRows: 10, maxBytes: 100 });
    const sizes = (): number[] => {
      const found: number[] = [];
      for (let item = queue.take(5); item !== undefined; item = queue.take(5)) {
        if (item.kind === "barrier") item.reached(Promise.resolve());
        else {
          found.push(item.batch.rows.length);
          expect(item.batch.positions).toHaveLength(item.batch.rows.length);
          expect(item.batch.end).toBe(found.reduce((all, rows) => all + rows));
        }
      }
      return found;
    };
    queue.accept(batch(2, 2), 1);
    queue.accept(batch(3, 5), 1);
    queue.accept(batch(6, 11), 1);
    const reached = queue.putBarrier(barrier);
    queue.accept(batch(1, 12), 1);
    queue.accept({ ...batch(1, 13), split: "1" }, 1);
    expect(queue.hasRoom).toBe(false);
    expect(sizes()).toEqual([5, 6, 1, 1]);
    expect(queue.hasRoom).toBe(true);
    await reached;
  });

  test("wakes a reader that waits, and the reader counts as idle only while it waits", async () => {
    const queue = new BatchQueue({ maxRows: 10, maxBytes: 100 });
    expect(queue.idle).toBe(false);
    const arrival = queue.arrival();
    expect(queue.idle).toBe(true);
    queue.accept(batch(1, 1), 1);
    expect(queue.idle).toBe(false);
    expect(await arrival).toBe(true);
    queue.take();
    const end = queue.arrival();
    queue.end();
    expect(await end).toBe(false);
  });

  test.each([
    ["rows", { maxRows: 3, maxBytes: 1000 }],
    ["bytes", { maxRows: 1000, maxBytes: 3 }],
  ])("has no room at its limit of %s and wakes every waiter once there is", async (_what, limits) => {
    const queue = new BatchQueue(limits);
    for (let i = 1; i <= 3; i++) queue.accept(batch(1, i), 1);
    expect(queue.hasRoom).toBe(false);
    let woken = 0;
    for (let i = 0; i < 2; i++) void queue.room().then(() => woken++);
    await turn();
    expect(woken).toBe(0);
    queue.take();
    await turn();
    expect([woken, queue.hasRoom]).toEqual([2, true]);
  });

  test("a failure ends every wait on either side, also a barrier that nobody will reach", async () => {
    const queue = new BatchQueue({ maxRows: 1, maxBytes: 1 });
    queue.accept(batch(1, 1), 1);
    const waits = [queue.room(), queue.putBarrier(barrier)];
    queue.fail(new Error("over"));
    const late = [queue.arrival(), queue.room(), queue.putBarrier(barrier)];
    for (const wait of [...waits, ...late]) await expect(wait).rejects.toThrow("over");
  });

  test("a flush that fails fails its barrier", async () => {
    const queue = new BatchQueue({ maxRows: 1, maxBytes: 1 });
    const reached = queue.putBarrier(barrier);
    const item = queue.take();
    if (item?.kind === "barrier") item.reached(Promise.reject(new Error("refused")));
    await expect(reached).rejects.toThrow("refused");
  });
});

test("keeps nothing that was taken, also while it never runs empty", async () => {
  setFlagsFromString("--expose-gc");
  const collectGarbage = runInNewContext("gc") as () => void;
  const queue = new BatchQueue({ maxRows: 10, maxBytes: 100 });
  const given: WeakRef<RecordBatch>[] = [];
  const put = (end: number): void => {
    const next = batch(1, end);
    given.push(new WeakRef(next));
    queue.accept(next, 1);
  };
  put(0);
  for (let end = 1; end <= 10_000; end++) {
    put(end);
    const item = queue.take();
    if (item?.kind !== "batch" || item.batch.end !== end - 1) expect.unreachable(`took ${JSON.stringify(item)}`);
  }
  await turn();
  collectGarbage();
  expect(given.filter((ref) => ref.deref() !== undefined).length).toBeLessThan(10);
});

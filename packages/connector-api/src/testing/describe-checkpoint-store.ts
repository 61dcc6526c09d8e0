import { describe, expect, it } from "vitest";
import { createJobId } from "../checkpoint-record.js";
import type { Checkpoint, CheckpointStore } from "../checkpoint-store.js";
import { isConnectorError } from "../errors.js";
import type { Identity } from "../operator-context.js";

export interface CheckpointStoreTraits {
  /** True when a store opened again finds what an earlier one wrote. */
  readonly durable: boolean;
}

/**
 * The laws of a {@link CheckpointStore}. `openStore` opens a store, of a durable one always on the same medium; the
 * suite uses pipeline names of its own and closes what it opens.
 */
export function describeCheckpointStore(
  name: string,
  openStore: () => CheckpointStore | Promise<CheckpointStore>,
  { durable }: CheckpointStoreTraits,
): void {
  const law = (what: string, check: (store: CheckpointStore, pipeline: string) => Promise<void>): void => {
    it(what, async () => {
      const store = await openStore();
      try {
        await check(store, `suite-${createJobId()}`);
      } finally {
        await store.close();
        await store.close();
      }
    });
  };

  describe(`checkpoint store: ${name}`, () => {
    law("gives each claim a higher epoch of the same job", async (store, pipeline) => {
      const first = await store.claim(pipeline, "one");
      const second = await store.claim(pipeline, "two");
      expect(first).toMatchObject({ pipeline, instanceId: "one" });
      expect(first.epoch).toBeGreaterThan(0);
      expect(first.jobId).toMatch(/^[A-Za-z0-9_-]+$/);
      expect(second.epoch).toBeGreaterThan(first.epoch);
      expect(second.jobId).toBe(first.jobId);
      expect(await store.holder(pipeline)).toEqual({ epoch: second.epoch, instanceId: "two" });
    });

    law("gives no epoch twice to claims that race", async (store, pipeline) => {
      const rival = durable ? await openStore() : store;
      const claims = await Promise.all(
        Array.from({ length: 16 }, (_, i) => (i % 2 === 0 ? store : rival).claim(pipeline, `instance-${i}`)),
      );
      if (rival !== store) await rival.close();
      expect(new Set(claims.map((claim) => claim.epoch)).size).toBe(claims.length);
      expect(new Set(claims.map((claim) => claim.jobId)).size).toBe(1);
      const newest = claims.reduce((a, b) => (a.epoch > b.epoch ? a : b));
      expect(await store.holder(pipeline)).toEqual({ epoch: newest.epoch, instanceId: newest.instanceId });
    });

    law("has no checkpoint and no holder before the first claim", async (store, pipeline) => {
      expect(await store.latest(pipeline, failOnWarning)).toBeUndefined();
      expect(await store.list(pipeline)).toEqual([]);
      const error = await store.holder(pipeline).catch((error: unknown) => error);
      expect(isConnectorError(error) && error.code).toBe("STATE_STORE");
    });

    law("reads back what was written, also when the writer changes it afterwards", async (store, pipeline) => {
      const identity = await store.claim(pipeline, "one");
      const state = { v: 1, sequence: "9007199254740993", nested: { list: [1, "é", null] } };
      const checkpoint = checkpointOf(identity, 7, { "split-0": state });
      await store.write(checkpoint);
      const asWritten = structuredClone(checkpoint);
      state.sequence = "0";
      expect(await store.latest(pipeline, failOnWarning)).toEqual(asWritten);
      expect(await store.list(pipeline)).toEqual([{ epoch: identity.epoch, checkpointId: 7 }]);
    });

    law("restores the greatest pair of epoch and checkpoint, in whatever order they came", async (store, pipeline) => {
      const older = await store.claim(pipeline, "older");
      const newer = await store.claim(pipeline, "newer");
      await store.write(checkpointOf(newer, 0));
      for (const id of [9, 10, 2]) await store.write(checkpointOf(older, id));
      expect(await store.latest(pipeline, failOnWarning)).toMatchObject({ epoch: newer.epoch, checkpointId: 0 });
      const kept = await store.list(pipeline);
      expect(kept.at(-1)).toEqual({ epoch: newer.epoch, checkpointId: 0 });
      expect(kept.at(-2)).toEqual({ epoch: older.epoch, checkpointId: 10 });
    });

    law("prunes old checkpoints, but never those of a higher epoch", async (store, pipeline) => {
      const older = await store.claim(pipeline, "older");
      const newer = await store.claim(pipeline, "newer");
      await store.write(checkpointOf(newer, 0));
      for (let id = 0; id < 20; id++) await store.write(checkpointOf(older, id));
      expect((await store.list(pipeline)).length).toBeLessThanOrEqual(10);
      expect(await store.latest(pipeline, failOnWarning)).toMatchObject({ epoch: newer.epoch, checkpointId: 0 });
      for (let id = 1; id < 20; id++) await store.write(checkpointOf(newer, id));
      expect((await store.list(pipeline)).length).toBeLessThanOrEqual(10);
      expect(await store.latest(pipeline, failOnWarning)).toMatchObject({ epoch: newer.epoch, checkpointId: 19 });
    });

    law("reads each checkpoint it lists, and nothing else", async (store, pipeline) => {
      const identity = await store.claim(pipeline, "one");
      const written = [4, 5].map((id) => checkpointOf(identity, id, { "0": { v: 1, at: id } }));
      for (const checkpoint of written) await store.write(checkpoint);
      const kept = await store.list(pipeline);
      expect(await Promise.all(kept.map((ref) => store.read(pipeline, ref)))).toEqual(written);
      expect(await store.read(pipeline, { epoch: identity.epoch, checkpointId: 6 })).toBeUndefined();
      expect(await store.read(`${pipeline}-other`, { epoch: identity.epoch, checkpointId: 5 })).toBeUndefined();
    });

    law("goes back to an older state, or gives it another name, by a claim and a write", async (store, pipeline) => {
      const old = checkpointOf(await store.claim(pipeline, "old"), 8, { "0": { v: 1, at: 1 } });
      await store.write(old);
      await store.write(checkpointOf(old, 9, { "0": { v: 1, at: 2 } }));
      for (const name of [pipeline, `${pipeline}-fork`]) {
        await store.write(checkpointOf(await store.claim(name, "rewind"), 0, old.splits));
        expect((await store.latest(name, failOnWarning))?.splits).toEqual(old.splits);
      }
      // What the instance that was overtaken still writes changes nothing.
      await store.write(checkpointOf(old, 10, { "0": { v: 1, at: 3 } }));
      expect((await store.latest(pipeline, failOnWarning))?.splits).toEqual(old.splits);
    });

    law("names the pipelines that were claimed", async (store, pipeline) => {
      const names = [pipeline, `${pipeline}/b`, `${pipeline}.c`].sort();
      for (const name of [...names].reverse()) await store.claim(name, "one");
      expect((await store.pipelines()).filter((name) => name.startsWith(pipeline))).toEqual(names);
    });

    law("never gives a number twice, however many claims were made", async (store, pipeline) => {
      let last = 0;
      for (let i = 0; i < 40; i++) {
        const { epoch } = await store.claim(pipeline, `instance-${i}`);
        expect(epoch).toBeGreaterThan(last);
        last = epoch;
      }
    });

    law("keeps pipelines apart, whatever they are called", async (store, pipeline) => {
      const names = [`${pipeline}/a`, `${pipeline}.a`, `${pipeline} a`, `../${pipeline}`, `${pipeline}:ä*>`, pipeline];
      for (const [i, name] of names.entries()) await store.write(checkpointOf(await store.claim(name, "one"), i));
      for (const [i, name] of names.entries()) {
        expect(await store.latest(name, failOnWarning)).toMatchObject({ pipeline: name, checkpointId: i });
      }
    });

    if (durable) {
      law("survives being closed and opened again", async (store, pipeline) => {
        const before = await store.claim(pipeline, "before");
        await store.write(checkpointOf(before, 3));
        await store.close();
        const reopened = await openStore();
        const after = await reopened.claim(pipeline, "after");
        const restored = await reopened.latest(pipeline, failOnWarning);
        await reopened.close();
        expect(after.jobId).toBe(before.jobId);
        expect(after.epoch).toBeGreaterThan(before.epoch);
        expect(restored).toEqual(checkpointOf(before, 3));
      });
    }
  });
}

function checkpointOf(by: Identity, checkpointId: number, splits: Checkpoint["splits"] = {}): Checkpoint {
  const { pipeline, jobId, epoch, instanceId } = by;
  return { v: 1, pipeline, jobId, epoch, checkpointId, instanceId, createdAt: "2026-01-01T00:00:00.000Z", splits };
}

function failOnWarning(message: string): void {
  throw new Error(`unexpected warning: ${message}`);
}

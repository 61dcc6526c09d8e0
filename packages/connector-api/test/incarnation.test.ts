import { describe, expect, test } from "vitest";
import { type Checkpoint, memoryCheckpoints, openIncarnation, silentLogger } from "../src/index.js";

const at = (lastSeq: string) => new Map([["0", { v: 1, lastSeq }]]);

describe("openIncarnation", () => {
  test("a first start has nothing to restore; the next one has the last checkpoint and a higher epoch", async () => {
    const store = memoryCheckpoints();
    const first = await openIncarnation(store, "billing", silentLogger);
    expect([first.identity.epoch, first.restored]).toEqual([1, undefined]);
    await first.save(0, at("0"));
    await first.save(1, at("10"));
    const second = await openIncarnation(store, "billing", silentLogger);
    expect(second.identity).toMatchObject({ pipeline: "billing", jobId: first.identity.jobId, epoch: 2 });
    expect(second.identity.instanceId).not.toBe(first.identity.instanceId);
    expect(second.restored).toEqual(at("10"));
  });

  test("the newest one wins at once: an older one can neither save nor go on, and is told by whom", async () => {
    const store = memoryCheckpoints();
    const older = await openIncarnation(store, "billing", silentLogger);
    const newer = await openIncarnation(store, "billing", silentLogger);
    await newer.save(0, at("5"));
    const fenced = { code: "FENCED", message: expect.stringContaining(newer.identity.instanceId) };
    await expect(older.assertCurrent()).rejects.toMatchObject(fenced);
    await expect(older.save(7, at("99"))).rejects.toMatchObject(fenced);
    await expect(newer.assertCurrent()).resolves.toBeUndefined();
    expect((await openIncarnation(store, "billing", silentLogger)).restored).toEqual(at("5"));
  });

  test("a take-over between the write and the ack is seen: the save rejects, so that nothing is acked", async () => {
    const memory = memoryCheckpoints();
    let takeOver = false;
    const store = {
      ...memory,
      write: async (checkpoint: Checkpoint) => {
        await memory.write(checkpoint);
        if (takeOver) await memory.claim("billing", "rival");
      },
    };
    const incarnation = await openIncarnation(store, "billing", silentLogger);
    await incarnation.save(0, at("1"));
    takeOver = true;
    await expect(incarnation.save(1, at("2"))).rejects.toMatchObject({ code: "FENCED" });
  });

  test("pipelines of different names do not see each other", async () => {
    const store = memoryCheckpoints();
    const one = await openIncarnation(store, "one", silentLogger);
    await one.save(0, at("3"));
    const two = await openIncarnation(store, "two", silentLogger);
    expect([two.identity.epoch, two.restored]).toEqual([1, undefined]);
    expect(two.identity.jobId).not.toBe(one.identity.jobId);
  });
});

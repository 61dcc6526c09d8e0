import { expect, it } from "vitest";
import { memoryCheckpoints } from "../src/index.js";
import { describeCheckpointStore } from "../src/testing/index.js";

describeCheckpointStore("memory", memoryCheckpoints, { durable: false });

it("refuses a checkpoint of a later version", async () => {
  const store = memoryCheckpoints();
  const identity = await store.claim("p", "one");
  const checkpoint = { v: 2 as 1, ...identity, checkpointId: 0, createdAt: "", splits: {} };
  await expect(store.write(checkpoint)).rejects.toMatchObject({ code: "STATE_INVALID" });
});

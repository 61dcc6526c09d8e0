import { fc, test } from "@fast-check/vitest";
import { describe, expect, it } from "vitest";
import type { Checkpoint } from "../../src/index.js";
import {
  checkpointFileName,
  decodeCheckpointFile,
  encodeCheckpointFile,
  parseCheckpointFileName,
} from "../../src/node/checkpoint-file.js";

const checkpoint: Checkpoint = {
  v: 1,
  pipeline: "orders",
  jobId: "00ff00ff00ff",
  epoch: 3,
  checkpointId: 14,
  instanceId: "abc",
  createdAt: "2026-01-01T00:00:00.000Z",
  splits: { "split-0": { v: 1, streamName: "ORDERS", streamSequenceNumber: "9007199254740993", note: "é\u2028" } },
};
const file = Buffer.from(encodeCheckpointFile(checkpoint));

describe("a checkpoint file", () => {
  it("is JSON and holds the checkpoint", () => {
    expect(JSON.parse(file.toString())).toMatchObject(checkpoint);
    expect(decodeCheckpointFile(file, checkpoint)).toEqual({ kind: "valid", checkpoint });
    expect(parseCheckpointFileName(checkpointFileName(checkpoint))).toEqual({ epoch: 3, checkpointId: 14 });
  });

  test.prop([fc.dictionary(fc.string(), fc.dictionary(fc.string(), fc.jsonValue()))])("holds any state", (states) => {
    const splits = Object.fromEntries(Object.entries(states).map(([split, state]) => [split, { ...state, v: 1 }]));
    const text = encodeCheckpointFile({ ...checkpoint, splits });
    const stored: unknown = JSON.parse(JSON.stringify({ ...checkpoint, splits }));
    expect(decodeCheckpointFile(Buffer.from(text), checkpoint)).toEqual({ kind: "valid", checkpoint: stored });
  });

  test.prop([fc.nat({ max: file.length - 1 }), fc.integer({ min: 0, max: 7 })])("notices a flipped bit", (at, bit) => {
    const flipped = Buffer.from(file);
    flipped[at] = (flipped[at] ?? 0) ^ (1 << bit);
    expect(decodeCheckpointFile(flipped, checkpoint)).toMatchObject({ kind: "damaged" });
  });

  it("notices every cut", () => {
    for (let length = 0; length < file.length; length++) {
      expect(decodeCheckpointFile(file.subarray(0, length), checkpoint)).toMatchObject({ kind: "damaged" });
    }
  });

  it("notices that it stands under another name", () => {
    expect(decodeCheckpointFile(file, { epoch: 4, checkpointId: 14 })).toEqual({
      kind: "damaged",
      reason: "it holds checkpoint 3-14",
    });
  });

  it("of a later version is no damage but an error", () => {
    const later = Buffer.from(encodeCheckpointFile({ ...checkpoint, v: 2 as 1 }));
    expect(() => decodeCheckpointFile(later, checkpoint)).toThrow(expect.objectContaining({ code: "STATE_INVALID" }));
  });

  it.each(["3-14.json.0123.tmp", "epoch-3", "job.json", "3-x.json", "-1-2.json", "1-1234567890123456.json"])(
    "is not called %s",
    (name) => {
      expect(parseCheckpointFileName(name)).toBeUndefined();
    },
  );
});

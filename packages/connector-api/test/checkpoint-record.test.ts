import { fc, test } from "@fast-check/vitest";
import { describe, expect, it } from "vitest";
import { compareCheckpoints, createJobId, parseCheckpoint } from "../src/index.js";

const state = fc.dictionary(fc.string(), fc.jsonValue()).map((rest) => ({ ...rest, v: 1 }));
const number = fc.nat({ max: Number.MAX_SAFE_INTEGER });
const record = fc.record({
  v: fc.constant(1 as const),
  pipeline: fc.string(),
  jobId: fc.string(),
  epoch: number,
  checkpointId: number,
  instanceId: fc.string(),
  createdAt: fc.string(),
  splits: fc.dictionary(fc.string(), state),
});

describe("parseCheckpoint", () => {
  test.prop([record])("takes every record, also after it was JSON", (checkpoint) => {
    expect(parseCheckpoint(checkpoint)).toEqual(checkpoint);
    const stored: unknown = JSON.parse(JSON.stringify(checkpoint));
    expect(parseCheckpoint(stored)).toEqual(stored);
  });

  test.prop([fc.anything()])("takes anything else with nothing but STATE_INVALID", (value) => {
    expect(() => parseCheckpoint(value)).toThrow(expect.objectContaining({ code: "STATE_INVALID" }));
  });

  it("names the field", () => {
    const good = {
      v: 1,
      pipeline: "p",
      jobId: "j",
      epoch: 1,
      checkpointId: 0,
      instanceId: "i",
      createdAt: "",
      splits: {},
    };
    expect(() => parseCheckpoint({ ...good, epoch: -1 })).toThrow(
      "epoch: expected an integer not below 0, got integer",
    );
    expect(() => parseCheckpoint({ ...good, jobId: 5 })).toThrow("jobId: expected a string, got integer");
    expect(() => parseCheckpoint({ ...good, splits: { a: [] } })).toThrow("splits.a: expected an object, got array");
    expect(() => parseCheckpoint({ ...good, splits: { a: {} } })).toThrow("v: expected an integer");
    expect(() => parseCheckpoint({ ...good, v: 2 })).toThrow("has version 2 and this program reads version 1");
  });
});

it("orders by epoch, then by checkpoint", () => {
  const refs = [
    { epoch: 2, checkpointId: 0 },
    { epoch: 1, checkpointId: 10 },
    { epoch: 1, checkpointId: 9 },
  ];
  expect(refs.toSorted(compareCheckpoints)).toEqual(refs.toReversed());
});

it("names jobs at random", () => {
  expect(createJobId()).toMatch(/^[0-9a-f]{12}$/);
  expect(createJobId()).not.toBe(createJobId());
});

import { expect, it } from "vitest";
import { StageCollector } from "../../src/exactly-once/stage-collector.ts";
import { MAX_STAGED_BYTES } from "../../src/exactly-once/stage-limits.ts";

const output = (bytes: number, headers?: number) => ({
  subject: "out.rows",
  payload: new Uint8Array(bytes),
  headers: headers === undefined ? undefined : new Uint8Array(headers),
});

it("collects the outputs of one input up to 64 MiB, and says which input has more", () => {
  const collector = new StageCollector(Number);
  collector.add(output(MAX_STAGED_BYTES - 10, 8), "7");
  collector.add(output(2), "7");
  expect(() => collector.add(output(1), "7")).toThrow(
    expect.objectContaining({ code: "CAPABILITY_MISSING", message: expect.stringContaining("input 7") }),
  );
});

it("begins anew once they are taken", () => {
  const collector = new StageCollector(Number);
  collector.add(output(MAX_STAGED_BYTES), "7");
  expect(collector.take().length).toBe(1);
  expect(collector.isEmpty).toBe(true);
  collector.add(output(MAX_STAGED_BYTES), "8");
  expect(collector.take().length).toBe(1);
});

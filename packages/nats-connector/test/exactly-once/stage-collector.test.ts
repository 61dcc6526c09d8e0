import fc from "fast-check";
import { expect, it } from "vitest";
import { encodeOutputs } from "../../src/exactly-once/stage-codec.ts";
import { type CollectedOutputs, StageCollector } from "../../src/exactly-once/stage-collector.ts";
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
  expect(collector.take()).toMatchObject({ outputs: { length: 1 }, position: "7" });
  expect(collector.isEmpty).toBe(true);
  collector.add(output(MAX_STAGED_BYTES), "7");
  expect(collector.take().outputs.length).toBe(1);
});

it("gives what it has of earlier inputs, and goes on with the last one", () => {
  fc.assert(
    fc.property(fc.array(fc.array(fc.nat(99), { minLength: 1 }), { minLength: 1 }), fc.nat(500), (inputs, limit) => {
      const collector = new StageCollector(Number);
      const taken: CollectedOutputs[] = [];
      for (const [i, sizes] of inputs.entries()) {
        for (const size of sizes) collector.add(output(size), String(i));
        const earlier = collector.encodedBytes > limit ? collector.takeEarlier() : undefined;
        if (earlier !== undefined) taken.push(earlier);
      }
      const fits = collector.encodedBytes <= limit;
      taken.push(collector.take());
      // In order, whole inputs, and more than fits only where it is one.
      let next = 0;
      for (const [n, { outputs, position }] of taken.entries()) {
        const sizes = inputs.slice(next, Number(position) + 1);
        expect(outputs.map(({ payload }) => payload.length)).toEqual(sizes.flat());
        const isWithin = n === taken.length - 1 ? fits : encodeOutputs(outputs).length <= limit;
        expect(isWithin || sizes.length === 1).toBe(true);
        next += sizes.length;
      }
      expect(next).toBe(inputs.length);
    }),
  );
});

import { fc, test } from "@fast-check/vitest";
import { describe, expect, it } from "vitest";
import {
  chunkBehind,
  encodeProgress,
  type ProgressRecord,
  parseProgress,
} from "../../src/exactly-once/progress-record.ts";
import { cutBytes, decodeOutputs, encodeOutputs } from "../../src/exactly-once/stage-codec.ts";

const bytes = fc.uint8Array({ maxLength: 60 });
const output = fc.record({
  subject: fc.string({ unit: "grapheme", maxLength: 20 }),
  payload: bytes,
  headers: fc.option(bytes, { nil: undefined }),
});
const record: ProgressRecord = {
  ...{ v: 1, mode: "atomic", pipeline: "p", stream: "IN", split: "0", epoch: 3, instanceId: "i", commit: 1 },
  ...{ checkpoint: 2, position: "7" },
};
const staged = { input: 8, position: "8", chunks: 3, written: 1, shown: 0, records: 5, claims: 0 };

describe("a stage", () => {
  test.prop([fc.array(output, { maxLength: 30 }), fc.integer({ min: 1, max: 200 })])(
    "gives every output back as it was, in pieces of any size",
    (outputs, maxBytes) => {
      const whole = encodeOutputs(outputs);
      const pieces = cutBytes(whole, maxBytes);
      for (const piece of pieces) expect(piece.length).toBeLessThanOrEqual(maxBytes);
      // Each goes behind a record, as the payload of a message.
      const read = pieces.map((piece) => {
        const payload = encodeProgress({ ...record, staged }, piece);
        expect(parseProgress(payload, "here")).toEqual({ ...record, v: 2, staged });
        return chunkBehind(payload) ?? new Uint8Array();
      });
      const plain = decodeOutputs(Buffer.concat(read)).map(({ subject, payload, headers }) => ({
        subject,
        payload: new Uint8Array(payload),
        headers: headers && new Uint8Array(headers),
      }));
      expect(plain).toEqual(outputs);
    },
  );

  test.prop([fc.array(output, { minLength: 1, maxLength: 5 }), fc.nat()])(
    "that ends too early is no stage",
    (outputs, cut) => {
      const whole = encodeOutputs(outputs);
      const last = encodeOutputs(outputs.slice(0, -1)).length;
      const length = last + 1 + (cut % (whole.length - last - 1));
      expect(() => decodeOutputs(whole.subarray(0, length))).toThrow(
        expect.objectContaining({ code: "STATE_INVALID" }),
      );
    },
  );

  it("is told in records of another version, which one that knows no stages refuses", () => {
    expect(JSON.parse(encodeProgress({ ...record, staged }).toString())).toMatchObject({ v: 2 });
    expect(JSON.parse(encodeProgress(record).toString())).toMatchObject({ v: 1 });
    expect(chunkBehind(encodeProgress(record))).toBeUndefined();
    const later = Buffer.from(JSON.stringify({ ...record, v: 3 }));
    expect(() => parseProgress(later, "here")).toThrow(expect.objectContaining({ code: "STATE_INVALID" }));
  });
});

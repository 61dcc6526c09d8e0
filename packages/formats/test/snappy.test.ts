import { describe, expect, test } from "vitest";
import { unsnappy } from "../src/avro/snappy.ts";

const text = (bytes: Uint8Array | undefined): string | undefined => bytes && Buffer.from(bytes).toString("latin1");
const limit = 1 << 20;

describe("snappy", () => {
  test("literals of every length form, and copies of every form that may overlap", () => {
    expect(text(unsnappy(Uint8Array.of(0), limit))).toBe("");
    const long = "x".repeat(300);
    const two = Uint8Array.from([0xac, 0x02, 61 << 2, 299 & 255, 299 >> 8, ...Buffer.from(long)]);
    expect(text(unsnappy(two, limit))).toBe(long);
    // "ab" and a copy from two back, seven long, by each of the three forms.
    for (const copy of [
      [((7 - 4) << 2) | 1, 2],
      [(6 << 2) | 2, 2, 0],
      [(6 << 2) | 3, 2, 0, 0, 0],
    ]) {
      expect(text(unsnappy(Uint8Array.of(9, 1 << 2, 0x61, 0x62, ...copy), limit))).toBe("ababababa");
    }
  });

  test.each([
    ["nothing", []],
    ["a size without an end", [0xff, 0xff, 0xff, 0xff, 0xff, 0xff]],
    ["more than it may be", [0x81, 0x80, 0x80, 0x01, 0, 0x61]],
    ["less data than it says", [5, 0, 0x61]],
    ["more data than it says", [1, 1 << 2, 0x61, 0x62]],
    ["a literal that is cut off", [9, 8 << 2, 0x61]],
    ["a literal's length that is cut off", [9, 62 << 2, 1]],
    ["a literal of 4 GiB, backwards as signed (other readers never end)", [10, 0xfc, 0xfa, 255, 255, 255, 0, 0]],
    ["a copy from before the beginning", [9, 0, 0x61, 1, 2]],
    ["a copy from nowhere", [9, 0, 0x61, 1, 0]],
    ["a copy from 4 GiB before", [9, 0, 0x61, 3, 255, 255, 255, 255]],
    ["a copy beyond the size", [3, 0, 0x61, (7 << 2) | 1, 1]],
    ["a copy that is cut off", [9, 0, 0x61, 2, 1]],
  ])("refuses %s", (_name, bytes) => {
    expect(unsnappy(Uint8Array.from(bytes), limit)).toBeUndefined();
  });
});

import { expect, test } from "vitest";
import { createCopier } from "../src/copied-bytes.js";

test("copies keep their bytes when the original changes, whatever their size", () => {
  const copy = createCopier();
  const sizes = [0, 1, 90, 2048, 2049, 50_000, 90];
  const all = Array.from({ length: 2000 }, (_, i) => {
    const bytes = new Uint8Array(sizes[i % sizes.length] ?? 0).fill(i % 251);
    const copied = copy(bytes);
    const { length } = bytes;
    bytes.fill(255);
    return { copied, length, value: i % 251 };
  });
  for (const { copied, length, value } of all) {
    expect(copied).toHaveLength(length);
    expect(copied.every((byte) => byte === value)).toBe(true);
  }
});

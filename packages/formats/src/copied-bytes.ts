const SLAB_BYTES = 16 * 1024;

/**
 * Copies bytes that are only lent. Small ones share a buffer, many to a slab: two thirds of the cost of an array of its
 * own each. Whoever keeps one copy keeps its slab.
 */
export function createCopier(): (bytes: Uint8Array) => Uint8Array {
  let slab = new Uint8Array(SLAB_BYTES);
  let used = 0;
  return (bytes) => {
    const { length } = bytes;
    if (length > SLAB_BYTES / 8) return new Uint8Array(bytes);
    if (used + length > SLAB_BYTES) {
      slab = new Uint8Array(SLAB_BYTES);
      used = 0;
    }
    slab.set(bytes, used);
    used += length;
    return new Uint8Array(slab.buffer, used - length, length);
  };
}

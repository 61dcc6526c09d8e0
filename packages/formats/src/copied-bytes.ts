import { markAsUntransferable } from "node:worker_threads";

const SLAB_BYTES = 16 * 1024;

/**
 * Copies bytes that are only lent. Small ones share a buffer, many to a slab: two thirds of the cost of an array of its
 * own each. Whoever keeps one copy keeps its slab. A view into the payload would cost less still and is never given: it
 * would keep the whole chunk that the client read from the socket, up to 64 KiB for a row of a few bytes, and no queue's
 * bound counts that.
 */
export function createCopier(): (bytes: Uint8Array) => Uint8Array {
  let slab = createSlab();
  // Held beside it: reading it from the slab for each copy would be a third of the copy's cost.
  let { buffer } = slab;
  let used = 0;
  return (bytes) => {
    const { length } = bytes;
    if (length > SLAB_BYTES / 8) return new Uint8Array(bytes);
    if (used + length > SLAB_BYTES) {
      slab = createSlab();
      ({ buffer } = slab);
      used = 0;
    }
    slab.set(bytes, used);
    used += length;
    return new Uint8Array(buffer, used - length, length);
  };
}

/** Handing one copy to a worker must not take the others away. */
function createSlab(): Uint8Array<ArrayBuffer> {
  const slab = new Uint8Array(SLAB_BYTES);
  markAsUntransferable(slab.buffer);
  return slab;
}

/** Random input that is the same in every run with the same seed. */
export interface Random {
  /** An integer from 0 to below `bound`. */
  below(bound: number): number;
  bytes(length: number): Uint8Array;
  pick<T>(items: readonly T[]): T | undefined;
  /** A copy with a byte changed, bytes cut off at either end, or bytes added. */
  damage(bytes: Uint8Array): Uint8Array;
}

/** mulberry32: small, fast and good enough to find mistakes with. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  const below = (bound: number): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * bound);
  };
  const bytes = (length: number): Uint8Array => Uint8Array.from({ length }, () => below(256));
  return {
    below,
    bytes,
    pick: (items) => items[below(items.length)],
    damage(original) {
      const copy = Uint8Array.from(original);
      switch (below(4)) {
        case 0:
          return copy.subarray(0, below(copy.length + 1));
        case 1:
          return copy.subarray(below(copy.length + 1));
        case 2:
          return Uint8Array.from([...copy, ...bytes(1 + below(8))]);
        default:
          if (copy.length > 0) copy[below(copy.length)] = below(256);
          return copy;
      }
    },
  };
}

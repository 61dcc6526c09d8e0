/** Numbers that are the same in every run with the same seed. */
export interface Random {
  /** From 0 to below 1. */
  next(): number;
  /** An integer from `lowest` to `highest`, both included. */
  integer(lowest: number, highest: number): number;
  /** One of them; throws when there is none. */
  pick<Item>(items: readonly Item[]): Item;
}

/** mulberry32: small, fast, and good enough to shake things with. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const integer = (lowest: number, highest: number): number => lowest + Math.floor(next() * (highest - lowest + 1));
  return {
    next,
    integer,
    pick<Item>(items: readonly Item[]): Item {
      if (items.length === 0) throw new TypeError("pick from an empty list, expected at least one item");
      return items[integer(0, items.length - 1)] as Item;
    },
  };
}

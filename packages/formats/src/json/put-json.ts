const QUOTE = 0x22;
const MINUS = 0x2d;
const ZERO = 0x30;
const BILLION = 1_000_000_000;

/** Up to here a loop over the characters is faster than a call into the engine. */
export const SHORT = 64;
/** What each function below needs at most. */
export const STRING_ROOM: number = SHORT + 2;
export const INTEGER_ROOM = 17;
export const NUMBER_ROOM = 25;

/** ASCII that a JSON string holds as it is: no quote, backslash or control character. */
const asIs = Uint8Array.from({ length: 128 }, (_, code) => Number(code >= 0x20 && code !== QUOTE && code !== 0x5c));

/** Puts a JSON string where there is room for it; the end, or -1 for one that is long or needs more than a copy. */
export function putString(slab: Uint8Array, at: number, value: string): number {
  const { length } = value;
  if (length > SHORT) return -1;
  for (let i = 0; i < length; i++) {
    const code = value.charCodeAt(i);
    if (code > 127 || asIs[code] === 0) return -1;
    slab[at + 1 + i] = code;
  }
  slab[at] = QUOTE;
  slab[at + length + 1] = QUOTE;
  return at + length + 2;
}

/** Puts ASCII of up to 64 characters where there is room for it; the end. */
export function putText(slab: Uint8Array, at: number, ascii: string): number {
  const { length } = ascii;
  for (let i = 0; i < length; i++) slab[at + i] = ascii.charCodeAt(i);
  return at + length;
}

/** Puts an integer within 2^53 where there is room for it; the end. */
export function putInteger(slab: Uint8Array, at: number, value: number): number {
  if (value < 0) {
    slab[at] = MINUS;
    return putNatural(slab, at + 1, -value);
  }
  return putNatural(slab, at, value);
}

function putNatural(slab: Uint8Array, at: number, value: number): number {
  if (value < BILLION) return putDigits(slab, at, value | 0);
  const billions = Math.floor(value / BILLION);
  const end = putDigits(slab, at, billions) + 9;
  let rest = (value - billions * BILLION) | 0;
  for (let i = 1; i <= 9; i++) {
    const tenth = (rest / 10) | 0;
    slab[end - i] = ZERO + rest - tenth * 10;
    rest = tenth;
  }
  return end;
}

function putDigits(slab: Uint8Array, at: number, value: number): number {
  let digits = 1;
  for (let limit = 10; limit <= value; limit *= 10) digits++;
  const end = at + digits;
  let rest = value;
  for (let i = 1; i <= digits; i++) {
    const tenth = (rest / 10) | 0;
    slab[end - i] = ZERO + rest - tenth * 10;
    rest = tenth;
  }
  return end;
}

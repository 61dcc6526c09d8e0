import { needsExact } from "../json/exact-numbers.js";

/** The parts of avsc's reading cursor that are used here; `lib/utils.js` of avsc 5.7. */
export interface Tap {
  /** Node's fast way from UTF-8 to a string, which its types leave out. */
  buf: Buffer & { utf8Slice?(start: number, end: number): string };
  pos: number;
  readLong(): number;
  readInt(): number;
  readString(): string | undefined;
  readBytes(): Buffer | undefined;
}

/** Thrown by a {@link Tap} for a read beyond the end, or a length that cannot be. Not an Error: it costs no stack trace. */
export const overrun: unique symbol = Symbol("overrun");

/** avsc's cursor runs on past the end and finds out afterwards; this one stops, so that no count can make it spin. */
export function guardTap(Base: new (buffer: Buffer) => Tap): new (buffer: Buffer, rounding: boolean) => Tap {
  class GuardedTap extends Base {
    readonly #rounding: boolean;

    constructor(buffer: Buffer, rounding: boolean) {
      super(buffer);
      this.#rounding = rounding;
    }

    override readLong(): number {
      const pos = this.pos;
      const buf = this.buf;
      if (pos >= buf.length) throw overrun;
      const first = buf[pos] as number;
      if (first < 0x80) {
        this.pos = pos + 1;
        return (first >>> 1) ^ -(first & 1);
      }
      return this.#readLonger(first & 0x7f);
    }

    /** Exact up to 2^53; the float arithmetic of avsc is not beyond 2^52. */
    #readLonger(first: number): number {
      const { buf } = this;
      const start = this.pos;
      let pos = start + 1;
      let low = first;
      let unit = 128;
      for (;;) {
        const byte = buf[pos++];
        if (byte === undefined) throw overrun;
        low += (byte & 0x7f) * unit;
        if (byte < 0x80) break;
        unit *= 128;
        // Seven bytes hold 49 bits, which a double holds too.
        if (pos - start === 7) {
          const value = readZigzag(this);
          const number = Number(value);
          // avsc takes one less than Number.MAX_SAFE_INTEGER on either side.
          if (Math.abs(number) < Number.MAX_SAFE_INTEGER || this.#rounding) return number;
          throw needsExact;
        }
      }
      this.pos = pos;
      return low % 2 === 0 ? low / 2 : -(low + 1) / 2;
    }

    override readInt(): number {
      return this.readLong();
    }

    override readString(): string | undefined {
      const length = this.readLong();
      const start = this.pos;
      const end = start + length;
      if (length < 0 || end > this.buf.length) throw overrun;
      this.pos = end;
      return this.buf.utf8Slice?.(start, end) ?? this.buf.toString("utf8", start, end);
    }

    override readBytes(): Buffer | undefined {
      const length = readLength(this);
      const start = this.pos;
      this.pos = start + length;
      return Buffer.from(this.buf.subarray(start, this.pos));
    }
  }
  return GuardedTap;
}

/** A length that the rest of the payload can hold. */
export function readLength(tap: Tap): number {
  const length = tap.readLong();
  if (length < 0 || length > tap.buf.length - tap.pos) throw overrun;
  return length;
}

/** A long of up to ten bytes without loss. */
export function readZigzag(tap: Tap): bigint {
  let value = 0n;
  for (let shift = 0n; shift < 70n; shift += 7n) {
    const byte = tap.buf[tap.pos++];
    if (byte === undefined) throw overrun;
    value |= BigInt(byte & 0x7f) << shift;
    if (byte < 0x80) return BigInt.asIntN(64, (value >> 1n) ^ -(value & 1n));
  }
  throw overrun;
}

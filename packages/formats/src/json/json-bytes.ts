import { markAsUntransferable } from "node:worker_threads";

const SLAB_BYTES = 64 * 1024;
/** A longer row gets bytes of its own: no more than a quarter of a slab may be held by nobody. */
const SHARED_BYTES = SLAB_BYTES / 4;
/** Up to here a loop over the characters is faster than a call into the engine. */
const SHORT = 64;
const MOST_UTF8 = 3;
const QUOTE = 0x22;

/** ASCII that a JSON string holds as it is: no quote, backslash or control character. */
const asIs = Uint8Array.from({ length: 128 }, (_, code) => Number(code >= 0x20 && code !== QUOTE && code !== 0x5c));

/** No quote, backslash, control character or surrogate. */
const plain = /^[ !#-[\]-\ud7ff\ue000-\uffff]*$/;

/**
 * JSON on its way into bytes, row by row, many rows to a slab. Half the cost of making a text first, which the engine
 * holds as a tree of parts and has to flatten before it can be copied.
 */
export class JsonBytes {
  #slab = createSlab(SLAB_BYTES);
  #start = 0;
  #end = 0;

  /** Writes JSON given as bytes. */
  literal(bytes: Uint8Array): void {
    const { length } = bytes;
    const at = this.#room(length);
    const slab = this.#slab;
    for (let i = 0; i < length; i++) slab[at + i] = bytes[i] as number;
    this.#end = at + length;
  }

  /** Writes JSON as it is. */
  text(json: string): void {
    const { length } = json;
    if (length <= SHORT) {
      const at = this.#room(length);
      const slab = this.#slab;
      let i = 0;
      for (; i < length; i++) {
        const code = json.charCodeAt(i);
        if (code > 127) break;
        slab[at + i] = code;
      }
      if (i === length) {
        this.#end = at + length;
        return;
      }
    }
    const at = this.#room(length * MOST_UTF8);
    this.#end = at + this.#slab.write(json, at);
  }

  /** Writes a JSON string. A lone surrogate is written as an escape, so that the bytes stay valid UTF-8. */
  string(value: string): void {
    const { length } = value;
    if (length <= SHORT) {
      const at = this.#room(length + 2) + 1;
      const slab = this.#slab;
      let i = 0;
      for (; i < length; i++) {
        const code = value.charCodeAt(i);
        if (code > 127 || asIs[code] === 0) break;
        slab[at + i] = code;
      }
      if (i === length) {
        slab[at - 1] = QUOTE;
        slab[at + length] = QUOTE;
        this.#end = at + length + 1;
        return;
      }
    }
    this.text(plain.test(value) ? `"${value}"` : JSON.stringify(value));
  }

  /** Writes an integer within 2^53. */
  integer(value: number): void {
    if (value < 0 || value > 999_999_999) {
      this.text(`${value}`);
      return;
    }
    let rest = value | 0;
    let digits = 1;
    for (let limit = 10; limit <= rest; limit *= 10) digits++;
    let at = this.#room(digits) + digits;
    const slab = this.#slab;
    this.#end = at;
    do {
      const tenth = (rest / 10) | 0;
      slab[--at] = 0x30 + rest - tenth * 10;
      rest = tenth;
    } while (rest > 0);
  }

  /** The bytes since the last row. They belong to the caller. */
  takeRow(): Uint8Array {
    if (this.#end - this.#start > SHARED_BYTES) {
      const row = new Uint8Array(this.#slab.subarray(this.#start, this.#end));
      this.#end = this.#start;
      return row;
    }
    const row = this.#slab.subarray(this.#start, this.#end);
    this.#start = this.#end;
    return row;
  }

  /** Forgets what was written since the last row. */
  dropRow(): void {
    this.#end = this.#start;
  }

  /** Makes room for so many bytes behind the end; returns the end. */
  #room(bytes: number): number {
    if (this.#end + bytes <= this.#slab.length) return this.#end;
    const used = this.#end - this.#start;
    const slab = createSlab(Math.max(SLAB_BYTES, 2 * (used + bytes)));
    this.#slab.copy(slab, 0, this.#start, this.#end);
    this.#slab = slab;
    this.#start = 0;
    this.#end = used;
    return used;
  }
}

/** Handing one row to a worker must not take the others away. */
function createSlab(bytes: number): Buffer {
  const slab = Buffer.allocUnsafeSlow(bytes);
  markAsUntransferable(slab.buffer);
  return slab;
}

import { markAsUntransferable } from "node:worker_threads";
import { putString, SHORT, STRING_ROOM } from "./put-json.js";

const SLAB_BYTES = 64 * 1024;
/** A longer row gets bytes of its own: no more than a quarter of a slab may be held by nobody. */
const SHARED_BYTES = SLAB_BYTES / 4;
const MOST_UTF8 = 3;

/** No quote, backslash, control character or surrogate. */
const plain = /^[ !#-[\]-\ud7ff\ue000-\uffff]*$/;

/**
 * JSON on its way into bytes, row by row, many rows to a slab. Half the cost of making a text first, which the engine
 * holds as a tree of parts and has to flatten before it can be copied.
 */
export class JsonBytes {
  /** Where rows are written; `room` may change it. */
  slab: Buffer = createSlab(SLAB_BYTES);
  /** Where the next byte goes. Whoever puts bytes into the slab himself asks for room first and moves it. */
  end = 0;
  // Held beside the slab: reading it from there for each row costs as much as the view.
  #buffer = this.slab.buffer;
  #start = 0;

  /** Writes JSON as it is. */
  text(json: string): void {
    const { length } = json;
    if (length <= SHORT) {
      const at = this.room(length);
      const { slab } = this;
      let i = 0;
      for (; i < length; i++) {
        const code = json.charCodeAt(i);
        if (code > 127) break;
        slab[at + i] = code;
      }
      if (i === length) {
        this.end = at + length;
        return;
      }
    }
    const at = this.room(length * MOST_UTF8);
    this.end = at + this.slab.write(json, at);
  }

  /** Writes a JSON string. A lone surrogate is written as an escape, so that the bytes stay valid UTF-8. */
  string(value: string): void {
    const at = this.room(STRING_ROOM);
    const end = putString(this.slab, at, value);
    if (end !== -1) this.end = end;
    else this.text(plain.test(value) ? `"${value}"` : JSON.stringify(value));
  }

  /** The bytes since the last row. They belong to the caller. */
  takeRow(): Uint8Array {
    const start = this.#start;
    const length = this.end - start;
    if (length > SHARED_BYTES) {
      const row = new Uint8Array(this.slab.subarray(start, this.end));
      this.end = start;
      return row;
    }
    this.#start = this.end;
    return new Uint8Array(this.#buffer, start, length);
  }

  /** Forgets what was written since the last row. */
  dropRow(): void {
    this.end = this.#start;
  }

  /** Makes room for so many bytes behind the end; returns the end. */
  room(bytes: number): number {
    if (this.end + bytes <= this.slab.length) return this.end;
    const used = this.end - this.#start;
    const slab = createSlab(Math.max(SLAB_BYTES, 2 * (used + bytes)));
    this.slab.copy(slab, 0, this.#start, this.end);
    this.slab = slab;
    this.#buffer = slab.buffer;
    this.#start = 0;
    this.end = used;
    return used;
  }
}

/** Handing one row to a worker must not take the others away. */
function createSlab(bytes: number): Buffer {
  const slab = Buffer.allocUnsafeSlow(bytes);
  markAsUntransferable(slab.buffer);
  return slab;
}

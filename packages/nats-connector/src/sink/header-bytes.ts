const SLAB_BYTES = 64 * 1024;
/** A longer block gets bytes of its own: no more than a quarter of a slab may be held by nobody. */
const SHARED_BYTES = SLAB_BYTES / 4;
/** Up to here a loop over the characters is faster than a call into the engine. */
const SHORT = 64;
const MOST_UTF8 = 3;

/**
 * Header blocks on their way into bytes, many to a slab, without a text of the whole block in between. A block that was
 * taken is never written again, so it can be kept for a resend.
 */
export class HeaderBytes {
  #slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
  // Held beside it: reading it from the slab for each block costs as much as the view.
  #buffer = this.#slab.buffer;
  #start = 0;
  #end = 0;

  bytes(given: Uint8Array): void {
    const at = this.#room(given.length);
    this.#slab.set(given, at);
    this.#end = at + given.length;
  }

  text(given: string): void {
    const { length } = given;
    const at = this.#room(length * MOST_UTF8);
    const slab = this.#slab;
    let i = 0;
    if (length <= SHORT) {
      for (; i < length; i++) {
        const code = given.charCodeAt(i);
        if (code > 127) break;
        slab[at + i] = code;
      }
    }
    this.#end = i === length ? at + length : at + slab.write(given, at);
  }

  /** The bytes since the last block. They belong to the caller. */
  take(): Uint8Array {
    const start = this.#start;
    const length = this.#end - start;
    if (length > SHARED_BYTES) {
      const block = new Uint8Array(this.#slab.subarray(start, this.#end));
      this.#end = start;
      return block;
    }
    this.#start = this.#end;
    return new Uint8Array(this.#buffer, start, length);
  }

  /** Forgets what was written since the last block. */
  drop(): void {
    this.#end = this.#start;
  }

  /** Makes room for so many bytes behind the end; returns the end. */
  #room(bytes: number): number {
    if (this.#end + bytes <= this.#slab.length) return this.#end;
    const used = this.#end - this.#start;
    const slab = Buffer.allocUnsafeSlow(Math.max(SLAB_BYTES, 2 * (used + bytes)));
    this.#slab.copy(slab, 0, this.#start, this.#end);
    this.#slab = slab;
    this.#buffer = slab.buffer;
    this.#start = 0;
    this.#end = used;
    return used;
  }
}

/** Keeps texts as bytes, many to a slab. */
export function createByteStore(): (text: string) => Uint8Array {
  const out = new HeaderBytes();
  return (text) => {
    out.text(text);
    return out.take();
  };
}

import type { Decoder } from "./format.js";
import type { SourcePosition } from "./record-batch.js";

/** Where held input goes when its turn has come. */
interface InputTaker<Message> {
  take(payload: Uint8Array, position: SourcePosition, message: Message): void;
  moveTo(position: SourcePosition): void;
}

/** An input that waits for the decoder, or an advance behind one (without payload). */
type HeldInput<Message> =
  | { readonly payload: Uint8Array; readonly position: SourcePosition; readonly message: Message }
  | { readonly payload: undefined; readonly position: SourcePosition };

/** The splits of a collector that wait for their decoder: until none does, the collector has no room. */
export class DecoderWaits {
  failure: { readonly error: unknown } | undefined;
  #waiting = 0;
  #listeners: (() => void)[] = [];

  get pending(): boolean {
    return this.#waiting > 0;
  }

  /** Counts a wait until it ends; the first that fails is kept. */
  add(wait: Promise<void>): void {
    this.#waiting += 1;
    wait.then(
      () => {
        this.#waiting -= 1;
        this.#wake();
      },
      (error: unknown) => {
        this.failure ??= { error };
        this.#wake();
      },
    );
  }

  /** Resolves when nothing waits; rejects with what a wait failed with. */
  async settled(): Promise<void> {
    while (this.pending && this.failure === undefined) {
      await new Promise<void>((resolve) => this.#listeners.push(resolve));
    }
    if (this.failure !== undefined) throw this.failure.error;
  }

  #wake(): void {
    for (const listener of this.#listeners.splice(0)) listener();
  }
}

/** Keeps the inputs of one split, in order, while the decoder learns a schema that one of them needs. */
export interface HeldInputs<Message> {
  /** True when the decoder is not ready for this input, or holds one before it: the input is kept. */
  holds(payload: Uint8Array, position: SourcePosition, message: Message): boolean;
  /** True when there is input held that the position must not overtake: the position is kept. */
  holdsAdvance(position: SourcePosition): boolean;
}

/** Undefined for a decoder that is always ready. */
export function holdInputs<Message>(
  decoder: Decoder,
  waits: DecoderWaits,
  taker: InputTaker<Message>,
): HeldInputs<Message> | undefined {
  if (decoder.prepare === undefined) return undefined;
  const prepare = (payload: Uint8Array): Promise<void> | undefined => decoder.prepare?.(payload);
  let held: HeldInput<Message>[] | undefined;

  const release = async (inputs: readonly HeldInput<Message>[], ready: Promise<void>): Promise<void> => {
    await ready;
    // More may be added at the end meanwhile.
    for (let i = 0; i < inputs.length; i++) {
      const input = inputs[i] as HeldInput<Message>;
      if (input.payload === undefined) {
        taker.moveTo(input.position);
        continue;
      }
      const wait = i === 0 ? undefined : prepare(input.payload);
      if (wait !== undefined) await wait;
      taker.take(input.payload, input.position, input.message);
    }
    held = undefined;
  };
  return {
    holds(payload, position, message) {
      if (waits.failure !== undefined) throw waits.failure.error;
      const ready = held === undefined ? prepare(payload) : undefined;
      if (held === undefined && ready === undefined) return false;
      // A copy in any case: `slice` of a Buffer is a view.
      const input = { payload: Uint8Array.prototype.slice.call(payload), position, message };
      if (held !== undefined) held.push(input);
      else if (ready !== undefined) {
        held = [input];
        waits.add(release(held, ready));
      }
      return true;
    },
    holdsAdvance(position) {
      held?.push({ payload: undefined, position });
      return held !== undefined;
    },
  };
}

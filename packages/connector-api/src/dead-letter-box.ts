/** Where refused data stood: a message, a line of one, or the row that a sink refused. */
export type LetterOrigin =
  | {
      readonly kind: "message";
      readonly subject: string;
      /** Absent when nothing keeps the subject. */
      readonly stream?: string;
      readonly sequence?: number;
      /** From 1, of a message that was framed. */
      readonly line?: number;
    }
  | { readonly kind: "row"; readonly split?: string; readonly position?: string };

/** One dead letter, as its box keeps it. */
export interface DeadLetter {
  /** Its number in the box. */
  readonly sequence: number;
  /** When it was written, RFC 3339. */
  readonly storedAt: string;
  /** The error's code; `MAX_DELIVERIES` or `TERMINATED` for what a server has given up; `FOREIGN` for no letter at all. */
  readonly code: string;
  /** Why, without a value of the data. */
  readonly reason: string;
  readonly origin: LetterOrigin;
  /** The headers that the message came with. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly payload: Uint8Array;
  /** Why it cannot go back to where it came from; absent when it can. */
  readonly stuck?: string;
}

export interface RedriveOptions {
  /** Publish here, not where it came from. */
  readonly to?: string | undefined;
  /** Leave the letter in the box. */
  readonly keep: boolean;
  /** Called while the destination still takes the message for the refused one and drops it. */
  readonly waiting?: (letter: DeadLetter, forMs: number) => void;
  readonly signal: AbortSignal;
}

/** Where a letter went. */
export interface Redriven {
  readonly subject: string;
  /** The stream that stored it, and its number there; absent when nothing confirms it (a Core subject). */
  readonly stored?: { readonly stream: string; readonly sequence: number };
  /** False when the letter is still in the box. */
  readonly removed: boolean;
}

/** The dead letters of one subject or stream. Made by `Connector.openDeadLetters`; reads without a trace. */
export interface DeadLetterBox {
  /** For messages. */
  readonly name: string;
  /** Letters from a number on, in order; the last `last` of them. */
  list(range: { readonly from?: number; readonly last?: number }, signal: AbortSignal): AsyncIterable<DeadLetter>;
  /** Undefined when there is no such letter (any more). */
  read(sequence: number, signal: AbortSignal): Promise<DeadLetter | undefined>;
  /**
   * Publishes a letter again, with its payload, headers and message id as they came, waits until it is confirmed, and
   * then removes it from the box. A letter that was redriven before and not removed is not stored twice, as far as the
   * destination knows message ids. Called one at a time, so that order is kept. Rejects with a coded error; the letter is
   * then still in the box.
   */
  redrive(letter: DeadLetter, options: RedriveOptions): Promise<Redriven>;
  close(): Promise<void>;
}

import { ConnectorError } from "./errors.js";

/** How one message is cut into several payloads. */
export interface FramingConfig {
  readonly method: "newline";
  /** Longest line in bytes; a longer one is bad data, never cut. */
  readonly maxLineLength?: number;
}

/** Calls `each` for every frame of a message, in order, and stops when it throws. */
export type Framing = (message: Uint8Array, each: (frame: Uint8Array) => void) => void;

const LF = 0x0a;
const CR = 0x0d;

/**
 * Splits at LF, dropping a CR before it; empty lines and a missing last LF are fine. Frames are views into the message:
 * nothing is copied. An over-long line is handed to `tooLong` as BAD_DATA and the others still come out.
 */
export function createNewlineFraming(config: FramingConfig, tooLong: (error: ConnectorError) => void): Framing {
  const limit = config.maxLineLength ?? Number.POSITIVE_INFINITY;
  return (message, each) => {
    let start = 0;
    while (start < message.length) {
      const lf = message.indexOf(LF, start);
      const next = lf === -1 ? message.length : lf;
      const end = next > start && lf !== -1 && message[next - 1] === CR ? next - 1 : next;
      if (end - start > limit) {
        tooLong(
          new ConnectorError(
            "BAD_DATA",
            `a line of ${end - start} bytes is longer than framing.newline.max_length = ${limit}`,
          ),
        );
      } else if (end > start) each(message.subarray(start, end));
      start = next + 1;
    }
  };
}

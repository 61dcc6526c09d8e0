import type { ConnectorOptions } from "./connector-options.js";
import { ConnectorError } from "./errors.js";
import { choiceAt, objectAt, positiveIntAt } from "./stored-json.js";

/** How one message is cut into several payloads. */
export interface FramingConfig {
  readonly method: "newline";
  /** Longest line in bytes; a longer one is bad data, never cut. */
  readonly maxLineLength?: number;
}

/** Calls `each` for every frame of a message, in order, and stops when it throws. */
export type Framing = (message: Uint8Array, each: (frame: Uint8Array) => void) => void;

/** What {@link framingFromOptions} pulls, for `ConnectorOptions.declare`. */
export const framingOptions: readonly string[] = ["framing", "framing.newline.max_length"];

const LF = 0x0a;
const CR = 0x0d;

/**
 * Pulls `framing` and, where it applies, `framing.newline.max_length`, which alone means `newline` too. Undefined: a
 * message is one payload.
 */
export function framingFromOptions(options: ConnectorOptions): FramingConfig | undefined {
  const maxLength = "framing.newline.max_length";
  const method = options.pullChoice("framing", ["none", "newline"]) ?? (options.has(maxLength) ? "newline" : "none");
  if (method === "none") {
    options.declare([maxLength], "framing = 'newline'");
    return undefined;
  }
  const maxLineLength = options.pullBytes(maxLength);
  if (maxLineLength === 0) {
    throw new ConnectorError("OPTION_INVALID", `option "${maxLength}": expected a size above 0, got 0`, {
      place: options.placeOf(maxLength),
    });
  }
  return maxLineLength === undefined ? { method } : { method, maxLineLength };
}

/** Parses the stored form `{ method, maxLineLength? }`, or Arroyo's `max_line_length`. Throws OPTION_INVALID. */
export function parseFraming(value: unknown, path = "framing"): FramingConfig {
  const stored = objectAt(value, path);
  const method = choiceAt(stored.method, `${path}.method`, ["newline"]);
  const key = "maxLineLength" in stored ? "maxLineLength" : "max_line_length";
  const limit = stored[key] ?? undefined;
  return limit === undefined ? { method } : { method, maxLineLength: positiveIntAt(limit, `${path}.${key}`) };
}

/**
 * Splits at LF, dropping a CR before it; empty lines and a missing last LF are fine. Frames are views into the message:
 * nothing is copied. An over-long line is handed to `tooLong` with BAD_DATA and the others still come out.
 */
export function createNewlineFraming(
  config: FramingConfig,
  tooLong: (error: ConnectorError, line: Uint8Array) => void,
): Framing {
  const limit = config.maxLineLength ?? Number.POSITIVE_INFINITY;
  return (message, each) => {
    let start = 0;
    while (start < message.length) {
      const lf = message.indexOf(LF, start);
      const next = lf === -1 ? message.length : lf;
      const end = next > start && lf !== -1 && message[next - 1] === CR ? next - 1 : next;
      if (end - start > limit) tooLong(overlong(end - start, limit), message.subarray(start, end));
      else if (end > start) each(message.subarray(start, end));
      start = next + 1;
    }
  };
}

/** Number of a line that the framing gave out, from 1. Counts line ends: for errors, not for every line. */
export function lineNumberOf(message: Uint8Array, line: Uint8Array): number {
  const start = line.byteOffset - message.byteOffset;
  let number = 1;
  for (let lf = message.indexOf(LF); lf !== -1 && lf < start; lf = message.indexOf(LF, lf + 1)) number += 1;
  return number;
}

function overlong(length: number, limit: number): ConnectorError {
  return new ConnectorError(
    "BAD_DATA",
    `a line of ${length} bytes is longer than framing.newline.max_length = ${limit}`,
    { context: { length, limit } },
  );
}

import type { NatsHeaders } from "../nats-client.js";

/**
 * The headers of a dead letter, in this order; those that do not apply are left out.
 *
 * `X-Error-Code` and `X-Error` say why, never with a value of the data. Of a message: `X-Subject`, `X-Stream`,
 * `X-Sequence`, and `X-Line` (from 1) with framing. Of a row that a sink refused: `X-Split` and `X-Position`, where its
 * input stood in the source.
 */
export interface LetterFacts {
  readonly "X-Error-Code": string;
  readonly "X-Error": string;
  readonly "X-Subject"?: string | undefined;
  readonly "X-Stream"?: string | undefined;
  readonly "X-Sequence"?: string | undefined;
  readonly "X-Line"?: number | undefined;
  readonly "X-Split"?: string | undefined;
  readonly "X-Position"?: string | undefined;
  /** Lets the stream know a letter that is sent again. */
  readonly "Nats-Msg-Id": string;
  readonly "Nats-Expected-Stream": string;
}

const MAX_ERROR_CHARACTERS = 1024;
/** What means something to the server, or to who reads a dead letter: never taken over under its own name. */
const CLASHES = /^(nats-|x-(error-code|error|subject|stream|sequence|line|split|position)$)/i;
const UNFIT = /[\p{Cc}\p{Cs}]/gu;

/** Headers as bytes. An original header that clashes is kept as `X-Original-<Name>`. */
export function encodeLetterHeaders(facts: LetterFacts, original?: NatsHeaders): Uint8Array {
  let text = "NATS/1.0\r\n";
  for (const [name, value] of Object.entries(facts)) {
    if (value === undefined) continue;
    text += `${name}: ${String(value).slice(0, MAX_ERROR_CHARACTERS).replaceAll(UNFIT, " ")}\r\n`;
  }
  for (const [name, values] of original ?? []) {
    const kept = CLASHES.test(name) ? `X-Original-${name}` : name;
    for (const value of values) text += `${kept}: ${value.replaceAll(/[\r\n]/g, " ")}\r\n`;
  }
  return Buffer.from(`${text}\r\n`);
}

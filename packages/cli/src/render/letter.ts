import type { DeadLetter, LetterOrigin } from "@x/connector-api";
import { plainText, textOrBase64 } from "./plain-text.js";
import { renderRecord } from "./record.js";

/** Where a letter comes from, short: `ORDERS:17`, `ORDERS:17 line 3`, a subject, or a split and its position. */
export function describeOrigin(origin: LetterOrigin): string {
  if (origin.kind === "row") return `row of split ${origin.split ?? "–"} at ${origin.position ?? "–"}`;
  const line = origin.line === undefined ? "" : ` line ${origin.line}`;
  return `${origin.stream === undefined ? plainText(origin.subject) : `${origin.stream}:${origin.sequence}`}${line}`;
}

/** A letter as JSON; the payload only where it is asked for. */
export function letterFacts(letter: DeadLetter, whole = false): object {
  const { sequence, storedAt, code, reason, origin, stuck, headers, payload } = letter;
  const content = textOrBase64(payload);
  const shown = "text" in content ? { payload: content.text } : { payloadBase64: content.base64 };
  return {
    ...{ number: sequence, storedAt, code, reason, origin },
    ...(stuck === undefined ? {} : { stuck }),
    ...(whole ? { headers, ...shown } : { bytes: payload.length }),
  };
}

export function renderLetter(letter: DeadLetter): string {
  const { sequence, storedAt, code, reason, origin, stuck, headers, payload } = letter;
  const content = textOrBase64(payload);
  const facts = {
    ...{ number: sequence, stored: storedAt, code, why: plainText(reason), from: describeOrigin(origin) },
    ...(origin.kind === "message" ? { subject: plainText(origin.subject) } : {}),
    ...(stuck === undefined ? {} : { stays: stuck }),
  };
  const lines = headers.map(([name, value]) => `  ${plainText(name)}: ${plainText(value)}\n`);
  const text = "text" in content ? plainText(content.text) : `base64:${content.base64}`;
  return `${renderRecord(facts)}headers:\n${lines.join("") || "  none\n"}payload, ${payload.length} bytes:\n${text}\n`;
}

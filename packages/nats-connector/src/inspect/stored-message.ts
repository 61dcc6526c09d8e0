import type { StoredMessage } from "../jetstream/api.js";
import { nanosecondsOf } from "../jetstream/position.js";
import type { NatsHeaders, NatsMessage } from "../nats-client.js";

/**
 * A stored message as if a consumer had delivered it, so that one set of readers serves both: its reply holds stream,
 * sequence and time, and has no consumer to ack.
 */
export function toNatsMessage(stream: string, stored: StoredMessage, pending: number): NatsMessage {
  const { subject, payload: data, seq, time, headers } = stored;
  const reply = `$JS.ACK.${stream}._.1.${seq}.${seq}.${nanosecondsOf(time)}.${pending}`;
  return { subject, data, reply, ...(headers === "" ? {} : { headers: parseHeaders(headers) }) };
}

/** Reads a raw header block (`NATS/1.0\r\nName: value\r\n\r\n`), whose text is UTF-8 in a string of bytes. */
export function parseHeaders(block: string): NatsHeaders {
  const entries = new Map<string, string[]>();
  const text = Buffer.from(block, "latin1").toString("utf8");
  for (const line of text.split("\r\n").slice(1)) {
    const colon = line.indexOf(":");
    if (colon <= 0) continue;
    const name = line.slice(0, colon);
    const value = line.slice(colon + 1).trim();
    const known = entries.get(name);
    if (known === undefined) entries.set(name, [value]);
    else known.push(value);
  }
  const find = (name: string): string[] | undefined => {
    const exact = entries.get(name);
    if (exact !== undefined) return exact;
    const lower = name.toLowerCase();
    for (const [each, values] of entries) if (each.toLowerCase() === lower) return values;
    return undefined;
  };
  return {
    code: 0,
    description: "",
    get: (name) => find(name)?.[0] ?? "",
    has: (name) => find(name) !== undefined,
    [Symbol.iterator]: () => entries[Symbol.iterator](),
  };
}

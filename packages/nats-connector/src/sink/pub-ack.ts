import type { NatsMessage } from "../nats-client.js";
import type { ApiErrorBody } from "../nats-errors.js";

/** What the server said to a publish. */
export type PubAck =
  | { readonly kind: "stored" }
  | { readonly kind: "no_responders" }
  | { readonly kind: "other_stream"; readonly stream: string; readonly domain: string | undefined }
  | { readonly kind: "error"; readonly error: ApiErrorBody };

const stored: PubAck = { kind: "stored" };
const noResponders: PubAck = { kind: "no_responders" };
const SEQ = '"seq":';

/**
 * Reads publish acknowledgements of one stream (`{"stream":"S", "seq":7}`, ADR-22). The first good one is parsed and
 * its bytes up to the sequence are remembered; later ones that begin with the same bytes and a sequence above zero need
 * no parsing. Everything else is parsed. With a `domain` the answer must name it, too: a stream of the same name in the
 * domain of another server may capture the same subjects and answer first.
 */
export function createPubAckReader(stream: string, domain?: string): (message: NatsMessage) => PubAck {
  let known: Uint8Array | undefined;
  let knownEnd: Uint8Array | undefined;

  const parse = (message: NatsMessage): PubAck => {
    const { data } = message;
    if (data.length === 0) {
      const code = message.headers?.code ?? 0;
      return code === 503 ? noResponders : { kind: "error", error: { code, description: "an empty answer" } };
    }
    const text = Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString();
    const ack = parseJson(text);
    if (ack === undefined) return { kind: "error", error: { description: "an answer that is no JSON" } };
    if (ack.error !== undefined) return { kind: "error", error: ack.error };
    const isElsewhere = domain !== undefined && ack.domain !== domain;
    if (ack.stream !== stream || isElsewhere) {
      return { kind: "other_stream", stream: String(ack.stream), domain: ack.domain };
    }
    const end = text.indexOf(SEQ);
    if (end === -1) return stored;
    known = Buffer.from(text.slice(0, end + SEQ.length));
    knownEnd = Buffer.from(text.slice(end + SEQ.length).replace(/^\d+/, ""));
    return stored;
  };

  return (message) => {
    const prefix = known;
    if (prefix === undefined) return parse(message);
    const { data } = message;
    const length = prefix.length;
    if (data.length <= length) return parse(message);
    for (let i = 0; i < length; i++) if (data[i] !== prefix[i]) return parse(message);
    const digit = data[length] as number;
    if (digit <= 48 || digit > 57) return parse(message);
    return domain === undefined || endsWith(data, knownEnd) ? stored : parse(message);
  };
}

/** Whether this is behind the last digit. */
function endsWith(data: Uint8Array, end: Uint8Array | undefined): boolean {
  if (end === undefined) return false;
  const start = data.length - end.length;
  for (let i = 0; i < end.length; i++) if (data[start + i] !== end[i]) return false;
  return true;
}

function parseJson(text: string): { stream?: unknown; domain?: string; error?: ApiErrorBody } | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

import type { NatsMessage } from "../nats-client.js";
import type { ApiErrorBody } from "../nats-errors.js";

/** What the server said to a publish. */
export type PubAck =
  | { readonly kind: "stored" }
  | { readonly kind: "no_responders" }
  | { readonly kind: "other_stream"; readonly stream: string }
  | { readonly kind: "error"; readonly error: ApiErrorBody };

const stored: PubAck = { kind: "stored" };
const noResponders: PubAck = { kind: "no_responders" };
const SEQ = '"seq":';

/**
 * Reads publish acknowledgements of one stream (`{"stream":"S", "seq":7}`, ADR-22). The first good one is parsed and
 * its bytes up to the sequence are remembered; later ones that begin with the same bytes and a sequence above zero need
 * no parsing. Everything else is parsed.
 */
export function createPubAckReader(stream: string): (message: NatsMessage) => PubAck {
  let known: Uint8Array | undefined;

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
    if (ack.stream !== stream) return { kind: "other_stream", stream: String(ack.stream) };
    const end = text.indexOf(SEQ);
    if (end !== -1) known = Buffer.from(text.slice(0, end + SEQ.length));
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
    return digit > 48 && digit <= 57 ? stored : parse(message);
  };
}

function parseJson(text: string): { stream?: unknown; error?: ApiErrorBody } | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

import type { DeadLetter, LetterOrigin } from "@x/connector-api";
import { parseHeaders } from "../inspect/stored-message.js";
import type { JetStreamApi, StoredMessage } from "../jetstream/api.js";

/** Headers that `encodeLetterHeaders` writes about the refusal, in lower case. */
const OWN = /^(x-(error-code|error|subject|stream|sequence|line|split|position)|nats-.*)$/i;
const KEPT = /^x-original-/i;
const ADVISORY = /^\$JS\.EVENT\.ADVISORY\.CONSUMER\.(MAX_DELIVERIES|MSG_TERMINATED)\./;

/**
 * What a message of a box says: a letter of ours by its headers; an advisory of the server about a message that it gave
 * up, which is then read from its stream; or no letter at all.
 */
export async function readLetter(api: JetStreamApi, stored: StoredMessage, signal: AbortSignal): Promise<DeadLetter> {
  const advisory = ADVISORY.exec(stored.subject)?.[1];
  if (advisory !== undefined) return readAdvisory(api, stored, advisory, signal);
  const headers = [...parseHeaders(stored.headers)].flatMap(([name, values]) =>
    values.map((value) => [name, value] as const),
  );
  const own = (name: string): string | undefined => headers.find(([each]) => each.toLowerCase() === name)?.[1];
  const common = { sequence: stored.seq, storedAt: stored.time, payload: stored.payload };
  const code = own("x-error-code");
  if (code === undefined) {
    const origin: LetterOrigin = { kind: "message", subject: stored.subject };
    return { ...common, code: "FOREIGN", reason: "no dead letter", origin, headers, stuck: "it is no dead letter" };
  }
  const origin = originOf(own);
  return {
    ...common,
    code,
    reason: own("x-error") ?? "",
    origin,
    headers: restored(headers),
    ...(origin.kind === "row" ? { stuck: "it is a row that the sink refused: no message to publish again" } : {}),
  };
}

function originOf(own: (name: string) => string | undefined): LetterOrigin {
  const subject = own("x-subject");
  if (subject === undefined) {
    const [split, position] = [own("x-split"), own("x-position")];
    return { kind: "row", ...(split === undefined ? {} : { split }), ...(position === undefined ? {} : { position }) };
  }
  const [stream, sequence, line] = [own("x-stream"), own("x-sequence"), own("x-line")];
  return {
    kind: "message",
    subject,
    ...(stream === undefined ? {} : { stream }),
    ...(sequence === undefined ? {} : { sequence: Number(sequence) }),
    ...(line === undefined ? {} : { line: Number(line) }),
  };
}

/** The headers as the message came with them; those that clashed are back under their own names. */
function restored(headers: DeadLetter["headers"]): DeadLetter["headers"] {
  return headers
    .filter(([name]) => !OWN.test(name))
    .map(([name, value]) => [KEPT.test(name) ? name.replace(KEPT, "") : name, value] as const);
}

async function readAdvisory(
  api: JetStreamApi,
  stored: StoredMessage,
  kind: string,
  signal: AbortSignal,
): Promise<DeadLetter> {
  const { stream, consumer, stream_seq: sequence, deliveries } = parseAdvisory(stored.payload);
  const message = await api.getMessage(stream, { seq: sequence }, signal).catch(() => undefined);
  const headers = [...parseHeaders(message?.headers ?? "")].flatMap(([name, values]) =>
    values.map((value) => [name, value] as const),
  );
  const gaveUp = kind === "MAX_DELIVERIES";
  return {
    sequence: stored.seq,
    storedAt: stored.time,
    code: gaveUp ? "MAX_DELIVERIES" : "TERMINATED",
    reason: gaveUp
      ? `consumer "${consumer}" gave it up after ${deliveries} deliveries`
      : `consumer "${consumer}" terminated it`,
    origin: { kind: "message", subject: message?.subject ?? "", stream, sequence },
    headers,
    payload: message?.payload ?? new Uint8Array(),
    ...(message === undefined ? { stuck: `message ${sequence} is gone from stream "${stream}"` } : {}),
  };
}

interface Advisory {
  readonly stream: string;
  readonly consumer: string;
  readonly stream_seq: number;
  readonly deliveries: number;
}

function parseAdvisory(payload: Uint8Array): Advisory {
  let facts: Partial<Advisory> = {};
  try {
    facts = JSON.parse(
      Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).toString(),
    ) as Partial<Advisory>;
  } catch {
    // Reported as a message that is gone from a stream without a name.
  }
  const { stream = "", consumer = "", stream_seq = 0, deliveries = 0 } = facts;
  return { stream, consumer, stream_seq, deliveries };
}

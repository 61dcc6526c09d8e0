import { abortable, ConnectorError } from "@x/connector-api";
import type { OpenConnection } from "../connection.js";
import { type ApiErrorBody, fromApiError, fromClientError } from "../nats-errors.js";
import { HeaderCursor } from "../sink/encoded-headers.js";

/** A message that is published and waited for. */
export interface AckedMessage {
  readonly subject: string;
  readonly payload: Uint8Array;
  /** Header lines, each with its line end. */
  readonly headers: string;
}

export interface RequestAckOptions {
  readonly link: OpenConnection;
  readonly stream: string;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/**
 * Publishes one message, waits for the answer of its stream and resolves to its sequence. Rejects with the stream's refusal, with STREAM_MISMATCH,
 * ABORTED, or with a transient error when nobody answered in time or the connection broke: then the message may be
 * stored or not, now or a little later, and only the stream itself can say.
 */
export async function requestAck(message: AckedMessage, options: RequestAckOptions): Promise<number> {
  const { link, stream, timeoutMs, signal } = options;
  const { subject, payload } = message;
  const headers = new HeaderCursor();
  headers.bytes = Buffer.from(`NATS/1.0\r\n${message.headers}\r\n`);
  const broken = new AbortController();
  const stopListening = link.listen({ disconnected: () => broken.abort() });
  let text: string;
  try {
    const answer = link.client.request(subject, payload, { timeout: timeoutMs, headers });
    const { data } = await abortable(answer, AbortSignal.any([signal, link.lost, broken.signal]));
    text = Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString();
  } catch (error) {
    if (signal.aborted) throw error;
    if (link.lost.aborted) throw fromClientError(link.lost.reason, `publish to "${subject}"`);
    if (!broken.signal.aborted) throw fromClientError(error, `publish to "${subject}"`, { subject });
    throw new ConnectorError("CONNECTION_LOST", `the connection broke before "${subject}" was acknowledged`);
  } finally {
    stopListening();
  }
  const ack = parseAck(text);
  if (ack.error !== undefined) throw refusedBy(stream, message, ack.error);
  if (ack.stream !== stream || typeof ack.seq !== "number") {
    throw new ConnectorError(
      "STREAM_MISMATCH",
      `"${subject}" was stored in stream "${ack.stream}", not in "${stream}"`,
      {
        context: { subject, stream: ack.stream, expected: stream },
      },
    );
  }
  return ack.seq;
}

/** Progress that is too long for the stream is nobody's bad data. */
function refusedBy(stream: string, { subject, payload, headers }: AckedMessage, body: ApiErrorBody): ConnectorError {
  const error = fromApiError(body, `publish to "${subject}"`, { stream, subject });
  if (error.code !== "MESSAGE_TOO_LARGE") return error;
  const bytes = payload.length + headers.length;
  const message = `stream "${stream}" does not take progress of ${bytes} bytes on "${subject}"; raise its max_msg_size`;
  return new ConnectorError("CAPABILITY_MISSING", message, { cause: error, context: { stream, subject, bytes } });
}

interface Answer {
  readonly stream?: unknown;
  readonly seq?: unknown;
  readonly error?: ApiErrorBody;
}

function parseAck(text: string): Answer {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null) return value;
  } catch {
    // Said below.
  }
  return { error: { description: "an answer that is no acknowledgement" } };
}

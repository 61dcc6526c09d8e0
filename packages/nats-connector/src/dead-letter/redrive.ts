import { setTimeout as sleep } from "node:timers/promises";
import { abortable, ConnectorError, type DeadLetter, type Redriven, type RedriveOptions } from "@x/connector-api";
import type { OpenConnection } from "../connection.js";
import type { JetStreamApi } from "../jetstream/api.js";
import { type ApiErrorBody, fromApiError, fromClientError } from "../nats-errors.js";

const ACK_TIMEOUT_MS = 5000;
const RETRY_MS = 2000;
/** Headers that told the server what to do with the first publish, and would do so again. */
const COMMANDS = /^nats-(?!msg-id$)/i;

/**
 * Publishes a letter to where it came from. A stream that still knows its message id takes it for the refused message
 * and drops it: then this waits until the duplicate window has passed. An answer that names any other message says that
 * the letter was redriven before.
 */
export async function publishLetter(
  { client, api }: OpenConnection,
  letter: DeadLetter,
  box: string,
  options: RedriveOptions,
): Promise<Pick<Redriven, "subject" | "stored">> {
  const { origin } = letter;
  const home = options.to === undefined && origin.kind === "message" ? origin : undefined;
  const subject = options.to ?? home?.subject;
  if (subject === undefined) throw new ConnectorError("USAGE", `letter ${letter.sequence}: ${letter.stuck}`);
  const [stream] = home?.stream === undefined ? await api.streamNames(subject, options.signal) : [home.stream];
  const headers = headersOf(letter, box, stream);
  if (stream === undefined) {
    client.publish(subject, letter.payload, { headers });
    const flushed = abortable(client.flush(), options.signal);
    await flushed.catch((error: unknown) => fail(error, `publish letter ${letter.sequence} to "${subject}"`));
    return { subject };
  }
  const action = `publish letter ${letter.sequence} to "${subject}"`;
  for (let deadline: number | undefined; ; ) {
    const answer = client.request(subject, letter.payload, { timeout: ACK_TIMEOUT_MS, headers });
    const ack = parseAck(
      await abortable(answer, options.signal).catch((error: unknown) => fail(error, action)),
      action,
    );
    const isRefusedOne = ack.duplicate && home?.sequence === ack.seq;
    if (!isRefusedOne) return { subject, stored: { stream: ack.stream, sequence: ack.seq } };
    deadline ??= Date.now() + (await windowMs(api, stream, options.signal)) + 5 * RETRY_MS;
    if (Date.now() > deadline) {
      const text = `cannot ${action}: stream "${stream}" still takes it for message ${ack.seq} (same message id)`;
      throw new ConnectorError("SERVER_UNAVAILABLE", text, { context: { stream, sequence: ack.seq } });
    }
    options.waiting?.(letter, deadline - Date.now());
    await abortable(sleep(RETRY_MS), options.signal);
  }
}

/** Its own message id, so that it is one message to everybody; else the place it was refused at, so that a repeat is none. */
function headersOf(letter: DeadLetter, box: string, stream: string | undefined): { encode(): Uint8Array } {
  const { origin, headers } = letter;
  const place =
    origin.kind === "message" && origin.stream !== undefined ? `${origin.stream}:${origin.sequence}` : undefined;
  const line = origin.kind === "message" && origin.line !== undefined ? `:${origin.line}` : "";
  const own = headers.filter(([name]) => !COMMANDS.test(name));
  const hasId = own.some(([name]) => name.toLowerCase() === "nats-msg-id");
  const added: [string, string][] = [];
  if (stream !== undefined) added.push(["Nats-Expected-Stream", stream]);
  // With framing one message has several letters: its id would let only the first of them pass.
  if (!hasId || line !== "") added.push(["Nats-Msg-Id", `redrive:${place ?? `${box}:${letter.sequence}`}${line}`]);
  const kept = line === "" ? own : own.filter(([name]) => name.toLowerCase() !== "nats-msg-id");
  const text = [...added, ...kept].map(([name, value]) => `${name}: ${value}\r\n`).join("");
  const block = Buffer.from(`NATS/1.0\r\n${text}\r\n`);
  return { encode: () => block };
}

interface Ack {
  readonly stream: string;
  readonly seq: number;
  readonly duplicate: boolean;
}

function parseAck({ data }: { readonly data: Uint8Array }, action: string): Ack {
  const text = Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString();
  const body = JSON.parse(text === "" ? "{}" : text) as Partial<Ack> & { readonly error?: ApiErrorBody };
  if (body.error !== undefined) throw fromApiError(body.error, action);
  const { stream, seq, duplicate = false } = body;
  if (stream === undefined || seq === undefined) {
    throw new ConnectorError("SERVER_UNAVAILABLE", `cannot ${action}: the answer is no acknowledgement`);
  }
  return { stream, seq, duplicate };
}

function fail(error: unknown, action: string): never {
  throw fromClientError(error, action);
}

async function windowMs(api: JetStreamApi, stream: string, signal: AbortSignal): Promise<number> {
  return ((await api.streamInfo(stream, signal)).config.duplicate_window ?? 0) / 1_000_000;
}

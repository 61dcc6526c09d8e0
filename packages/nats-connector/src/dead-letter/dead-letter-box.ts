import { ConnectorError, type DeadLetter, type DeadLetterBox } from "@x/connector-api";
import type { OpenConnection } from "../connection.js";
import type { Dialler } from "../connection-test/test-session.js";
import { TestSession } from "../connection-test/test-session.js";
import { lastMessages, walkStream } from "../inspect/walk-stream.js";
import { readLetter } from "./read-letter.js";
import { publishLetter } from "./redrive.js";

/** Opens the letters of a stream, or those under a subject of whatever stream captures it. */
export async function openDeadLetterBox(
  place: { readonly subject: string } | { readonly stream: string },
  dialler: Dialler,
  signal: AbortSignal,
): Promise<DeadLetterBox> {
  const session = new TestSession("dead-letters", signal);
  try {
    await session.adopt(await dialler.connect(session.context));
    const { stream, subjects } = await findBox(session.link, place, signal);
    return boxOf(session, stream, subjects);
  } catch (error) {
    await session.close();
    throw error;
  }
}

async function findBox({ api }: OpenConnection, place: { subject: string } | { stream: string }, signal: AbortSignal) {
  if ("stream" in place) {
    await api.streamInfo(place.stream, signal);
    return { stream: place.stream, subjects: [] };
  }
  const [stream] = await api.streamNames(place.subject, signal);
  if (stream !== undefined) return { stream, subjects: [place.subject] };
  throw new ConnectorError("STREAM_NOT_FOUND", `no stream captures "${place.subject}"`);
}

function boxOf(session: TestSession, stream: string, subjects: readonly string[]): DeadLetterBox {
  const { link } = session;
  const { api } = link;
  return {
    name: subjects.length === 0 ? stream : `${subjects[0]} (stream ${stream})`,
    async *list({ from, last }, signal) {
      const { state } = await api.streamInfo(stream, signal);
      const range = { stream, subjects, signal, first: state.first_seq, last: state.last_seq };
      const begin = last === undefined ? Math.max(from ?? 1, state.first_seq) : await lastMessages(api, range, last);
      for await (const messages of walkStream(api, { stream, subjects, signal, from: begin, to: state.last_seq })) {
        for (const message of messages) yield await readLetter(api, message, signal);
      }
    },
    async read(sequence, signal) {
      const message = await api.getMessage(stream, { seq: sequence }, signal);
      return message && (await readLetter(api, message, signal));
    },
    async redrive(letter, options) {
      const published = await publishLetter(link, letter, stream, options);
      if (options.keep) return { ...published, removed: false };
      await removeOriginal(link, letter, options.signal);
      await api.deleteMessage(stream, letter.sequence, options.signal);
      return { ...published, removed: true };
    },
    close: () => session.close(),
  };
}

/** A message that a server has given up stays in its work queue, where nobody would ever read it. */
async function removeOriginal(
  { api }: OpenConnection,
  { code, origin }: DeadLetter,
  signal: AbortSignal,
): Promise<void> {
  if (code !== "MAX_DELIVERIES" && code !== "TERMINATED") return;
  if (origin.kind !== "message" || origin.stream === undefined || origin.sequence === undefined) return;
  const { config } = await api.streamInfo(origin.stream, signal);
  if (config.retention === "workqueue") await api.deleteMessage(origin.stream, origin.sequence, signal);
}

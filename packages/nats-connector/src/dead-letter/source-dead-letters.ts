import { randomUUID } from "node:crypto";
import type { BadDataConfig, ConnectorError, DeadLetters, OperatorContext, RefusedInput } from "@x/connector-api";
import type { OpenConnection } from "../connection.js";
import { replyStream, replyToken } from "../jetstream/ack-reply.js";
import type { NatsMessage } from "../nats-client.js";
import { coversSubject } from "../sink/subject-match.js";
import { type DeadLetterQueue, openDeadLetterQueue } from "./dead-letter-queue.js";
import { deadLetterLoop, resolveDeadLetterStream } from "./dead-letter-stream.js";
import { encodeLetterHeaders } from "./letter-headers.js";

/** What a source reads, so that no dead letter comes back to it. */
export interface SourceInput {
  /** The stream; undefined for a Core subject. */
  readonly stream: string | undefined;
  /** The subjects it reads; none means the whole stream. */
  readonly subjects: readonly string[];
}

/** Messages, or lines of messages, that could not be decoded. The payload is kept byte for byte. */
export interface SourceDeadLetters extends DeadLetters<RefusedInput<NatsMessage>> {
  readonly failed: AbortSignal;
  delivered(): Promise<void>;
  close(): void;
}

/**
 * Opens the dead letters of a source; undefined unless the policy needs them. Rejects with STREAM_MISMATCH when no
 * stream captures the subject and with OPTION_INVALID when the source itself would read them.
 */
export async function openSourceDeadLetters(
  badData: BadDataConfig,
  input: SourceInput,
  link: OpenConnection,
  context: OperatorContext,
): Promise<SourceDeadLetters | undefined> {
  if (badData.behavior !== "dead_letter") return undefined;
  const { subject } = badData;
  const isRead = input.subjects.length === 0 || input.subjects.some((each) => coversSubject(each, subject));
  if (input.stream === undefined && isRead) throw deadLetterLoop(subject, `subject "${input.subjects.join()}"`);
  const stream = await resolveDeadLetterStream(link.api, subject, context.signal);
  if (stream.config.name === input.stream && isRead) throw deadLetterLoop(subject, `stream "${input.stream}"`);
  const queue = await openDeadLetterQueue(subject, stream, link, context);
  return lettersOf(queue, context.identity.pipeline);
}

function lettersOf(queue: DeadLetterQueue, pipeline: string): SourceDeadLetters {
  const run = randomUUID();
  let count = 0;
  return {
    failed: queue.failed,
    get hasRoom() {
      return queue.hasRoom;
    },
    room: () => queue.room(),
    add(error: ConnectorError, { payload, line, message }: RefusedInput<NatsMessage>) {
      const stream = replyStream(message.reply);
      const sequence = replyToken(message.reply, 1);
      const known = stream !== undefined && sequence !== undefined && message.reply?.startsWith("$JS.ACK.");
      // A Core message has no sequence: its id knows one that is sent again within this run only.
      const place = known ? `${pipeline}:${stream}:${sequence}` : `${pipeline}:${run}:${++count}`;
      const headers = encodeLetterHeaders(
        {
          "X-Error-Code": error.code,
          "X-Error": error.message,
          "X-Subject": message.subject,
          "X-Stream": known ? stream : undefined,
          "X-Sequence": known ? sequence : undefined,
          "X-Line": line,
          "Nats-Msg-Id": known && line !== undefined ? `${place}:${line}` : place,
          "Nats-Expected-Stream": queue.stream,
        },
        message.headers,
      );
      // The payload is a view into the client's buffer.
      queue.write(new Uint8Array(payload), headers);
    },
    delivered: () => queue.delivered(),
    close: () => queue.close(),
  };
}

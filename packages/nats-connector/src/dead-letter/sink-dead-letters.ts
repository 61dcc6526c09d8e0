import { randomUUID } from "node:crypto";
import type { BadDataConfig, ConnectorError, DeadLetters, OperatorContext, RefusedOutput } from "@x/connector-api";
import type { OpenConnection } from "../connection.js";
import { openDeadLetterQueue } from "./dead-letter-queue.js";
import { resolveDeadLetterStream } from "./dead-letter-stream.js";
import { encodeLetterHeaders } from "./letter-headers.js";
import { encodeRowAsJson } from "./row-json.js";

/**
 * Rows that could not be written, as JSON; a row that the server refused after it was encoded, as it was encoded. A row
 * has no number of its own, so a run that begins again at its checkpoint writes its letters again: at least once.
 */
export interface SinkDeadLetters extends DeadLetters<RefusedOutput> {
  delivered(): Promise<void>;
  close(): void;
}

/** Opens the dead letters of a sink; undefined unless the policy needs them. Rejects with STREAM_MISMATCH. */
export async function openSinkDeadLetters(
  badData: BadDataConfig,
  link: OpenConnection,
  context: OperatorContext,
): Promise<SinkDeadLetters | undefined> {
  if (badData.behavior !== "dead_letter") return undefined;
  const { subject } = badData;
  const stream = await resolveDeadLetterStream(link.api, subject, context.signal);
  const queue = await openDeadLetterQueue(subject, stream, link, context);
  const run = `${context.identity.pipeline}:${randomUUID()}`;
  let count = 0;
  return {
    get hasRoom() {
      return queue.hasRoom;
    },
    room: () => queue.room(),
    add(error: ConnectorError, refused: RefusedOutput) {
      const isRow = "row" in refused;
      const headers = encodeLetterHeaders({
        "X-Error-Code": error.code,
        "X-Error": error.message,
        "X-Split": isRow ? refused.split : undefined,
        "X-Position": isRow ? String(refused.position) : undefined,
        "Nats-Msg-Id": `${run}:${++count}`,
        "Nats-Expected-Stream": queue.stream,
      });
      queue.write(isRow ? encodeRowAsJson(refused.row) : refused.payload, headers);
    },
    delivered: () => queue.delivered(),
    close: () => queue.close(),
  };
}

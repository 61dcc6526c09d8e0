import { ConnectorError } from "@x/connector-api";
import type { Capabilities } from "../capabilities.js";
import type { JetStreamApi, StreamInfo } from "../jetstream/api.js";
import { type AckMode, nanosecondsOf } from "../jetstream/position.js";
import type { JetStreamSourceTable } from "../table-config.js";

/** What is known of the stream from before, to tell whether it is still the same. */
export interface KnownStream {
  /** Undefined when only a position is known. */
  readonly created: string | undefined;
  readonly lastSeq: number;
  readonly lastTs: string | undefined;
}

/**
 * Reads the stream and proves that it continues what was read. The strongest proof is the last message itself: mirrors
 * and their promotion keep its sequence and time but not the stream's `created`, which counts when the message is gone.
 * Rejects with STREAM_NOT_FOUND, STREAM_REGRESSED or STREAM_REPLACED.
 */
export async function resolveStream(
  api: JetStreamApi,
  stream: string,
  known: KnownStream | undefined,
  signal: AbortSignal,
): Promise<StreamInfo> {
  const info = await api.streamInfo(stream, signal);
  if (known === undefined) return info;
  const { lastSeq, lastTs, created } = known;
  if (info.state.last_seq < lastSeq) {
    throw new ConnectorError(
      "STREAM_REGRESSED",
      `stream "${stream}" ends at ${info.state.last_seq}, but ${lastSeq} was read from it: it was recreated or restored`,
      { context: { stream, lastSeq, streamLastSeq: info.state.last_seq } },
    );
  }
  const last = lastTs === undefined ? undefined : await api.getMessage(stream, { seq: lastSeq }, signal);
  const same =
    last === undefined ? created === undefined || info.created === created : nanosecondsOf(last.time) === lastTs;
  if (same) return info;
  throw new ConnectorError(
    "STREAM_REPLACED",
    `stream "${stream}" is not the one that was read up to ${lastSeq}: it was recreated`,
    { context: { stream, lastSeq, created: info.created, knownCreated: created } },
  );
}

/**
 * How the consumer acks: by the stream's retention, unless the user asked for a mode that is as safe. Throws
 * CONSUMER_REFUSED for one that would lose data or that the server refuses.
 */
export function resolveAckMode(table: JetStreamSourceTable, info: StreamInfo, capabilities: Capabilities): AckMode {
  const { retention, num_replicas: replicas } = info.config;
  const asked = table.ackPolicy;
  const refuse = (reason: string): never => {
    throw new ConnectorError(
      "CONSUMER_REFUSED",
      `consumer.ack_policy = '${asked}' on stream "${info.config.name}": ${reason}; use 'auto'`,
      { context: { stream: info.config.name, retention } },
    );
  };
  const allIsSound = retention === "limits" || replicas === 1 || capabilities.ackAllOnReplicas;
  if (asked === "none" && retention !== "limits") refuse(`with ${retention} retention delivery alone deletes`);
  if (asked === "all" && retention === "workqueue") refuse("a work queue acks each message");
  if (asked === "all" && !allIsSound)
    refuse(`server ${capabilities.version} does not remove what was acked on replicas`);
  if (asked !== "auto") return asked;
  if (retention === "limits") return "none";
  return retention === "interest" && allIsSound ? "all" : "explicit";
}

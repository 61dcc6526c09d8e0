import { setTimeout as sleep } from "node:timers/promises";
import {
  abortable,
  ConnectorError,
  type Decoder,
  type Deserialization,
  type InputPlace,
  type OperatorContext,
  type ReplayRange,
  type SourceCollector,
  type SourceContext,
  type SourceOperator,
  type SplitCollector,
} from "@x/connector-api";
import type { OpenConnection } from "../connection.js";
import type { JetStreamApi, StreamInfo } from "../jetstream/api.js";
import { describeJetStreamMessage } from "../message-metadata.js";
import type { NatsMessage } from "../nats-client.js";
import { resolvePlace } from "./seek.js";
import { toNatsMessage } from "./stored-message.js";
import { lastMessages, walkStream } from "./walk-stream.js";

export interface ReplayOptions {
  /** The stream to read, or the subject whose stream is looked for. */
  readonly input: { readonly stream: string; readonly subjects: readonly string[] } | { readonly subject: string };
  readonly range: ReplayRange;
  connect(context: OperatorContext): Promise<OpenConnection>;
  openDecoder(signal: AbortSignal): Promise<Decoder>;
  readonly deserialization: Omit<Deserialization<NatsMessage>, "decoder" | "describe">;
}

const SPLIT = "0";
const POLL_MS = 250;

/** Reads stored messages one by one, without a consumer. Its positions are their sequences. */
export function createReplaySource(options: ReplayOptions): SourceOperator {
  let connection: OpenConnection | undefined;
  let decoder: Decoder | undefined;
  let input: { readonly stream: string; readonly subjects: readonly string[] } | undefined;
  let from = 1;
  let to = 0;

  const read = async (context: SourceContext, split: SplitCollector<NatsMessage>, room: SourceCollector) => {
    if (connection === undefined || input === undefined) throw new ConnectorError("CLOSED", "the replay is not open");
    const { stream, subjects } = input;
    const { signal } = context;
    for await (const messages of walkStream(connection.api, { stream, subjects, from, to, signal })) {
      for (const message of messages) {
        if (context.drain.aborted) return;
        split.collect(message.payload, message.seq, toNatsMessage(stream, message, to - message.seq));
      }
      if (!room.hasRoom) await abortable(room.room(), AbortSignal.any([signal, context.drain]));
    }
    if (to > 0) split.advance(to);
    from = to + 1;
  };

  return {
    name: "replay",
    async open(context) {
      connection = await options.connect(context);
      decoder = await options.openDecoder(context.signal);
      const { api } = connection;
      input = "stream" in options.input ? options.input : await findInput(api, options.input.subject, context.signal);
      const stream = await api.streamInfo(input.stream, context.signal);
      from = await beginOf(api, stream, input.subjects, options.range.from, context.signal);
      to = Math.min(options.range.to ?? stream.state.last_seq, stream.state.last_seq);
    },
    async run(context, collector) {
      if (decoder === undefined || connection === undefined)
        throw new ConnectorError("CLOSED", "the replay is not open");
      collector.initialize<NatsMessage>({ ...options.deserialization, decoder, describe: describeJetStreamMessage });
      const split = collector.split<NatsMessage>(SPLIT);
      const stop = AbortSignal.any([context.signal, context.drain]);
      for (;;) {
        await read(context, split, collector).catch((error: unknown) => {
          if (!stop.aborted) throw error;
        });
        if (context.signal.aborted) return "immediate";
        collector.flush();
        if (context.drain.aborted) return "graceful";
        if (options.range.follow !== true || input === undefined) return "final";
        while (to < from && !stop.aborted) {
          await abortable(sleep(POLL_MS), stop).catch(() => {});
          if (!stop.aborted) to = await lastSequence(connection, input.stream, to, stop);
        }
      }
    },
    snapshot: () => new Map([[SPLIT, { v: 1, next: from }]]),
    async checkpointCompleted() {},
    async close() {
      await connection?.close();
      connection = undefined;
    },
  };
}

/** The stream's end now; the end known so far while the server is away. */
async function lastSequence(
  connection: OpenConnection,
  stream: string,
  known: number,
  signal: AbortSignal,
): Promise<number> {
  try {
    await connection.whenConnected(signal);
    return (await connection.api.streamInfo(stream, signal)).state.last_seq;
  } catch (error) {
    if (signal.aborted || (error as ConnectorError).retry === "backoff") return known;
    throw error;
  }
}

/** The stream that keeps a subject. Rejects with STREAM_NOT_FOUND when none does. */
async function findInput(api: JetStreamApi, subject: string, signal: AbortSignal) {
  const [stream] = await api.streamNames(subject, signal);
  if (stream !== undefined) return { stream, subjects: [subject] };
  throw new ConnectorError("STREAM_NOT_FOUND", `no stream captures "${subject}"`, { context: { subject } });
}

async function beginOf(
  api: JetStreamApi,
  stream: StreamInfo,
  subjects: readonly string[],
  from: InputPlace | { readonly last: number } | undefined,
  signal: AbortSignal,
): Promise<number> {
  const { first_seq: first, last_seq: last } = stream.state;
  if (from === undefined) return first;
  if (!("last" in from)) return resolvePlace(api, stream, from, signal);
  return lastMessages(api, { stream: stream.config.name, subjects, signal, first, last }, from.last);
}

import {
  ConnectorError,
  type Decoder,
  type Deserialization,
  type OperatorContext,
  parseTracestate,
  type RateLimitConfig,
  type SourceCollector,
  type SourceContext,
  type TraceContext,
} from "@x/connector-api";
import type { OpenConnection } from "../connection.js";
import { openSourceDeadLetters, type SourceDeadLetters, type SourceInput } from "../dead-letter/source-dead-letters.js";
import type { NatsMessage } from "../nats-client.js";

/** What the operator of a source is made of, besides its table. */
export interface SourceOptions<Table> {
  readonly table: Table;
  connect(context: OperatorContext): Promise<OpenConnection>;
  openDecoder(signal: AbortSignal): Promise<Decoder>;
  readonly deserialization: Omit<Deserialization<NatsMessage>, "decoder" | "describe">;
  readonly rateLimit?: RateLimitConfig | undefined;
  /** Budget for attaching at start. */
  readonly connectTimeoutMs: number;
  /** See `RetryAttachOptions`. */
  readonly moveAfterMs?: number | undefined;
}

/** What every source holds between `open` and `close`: the connection, the decoder, the dead letters of its input. */
export interface SourceLink {
  readonly connection: OpenConnection;
  /** Aborted when the connection is given up, or a dead letter can never be written, with the error as reason. */
  readonly lost: AbortSignal;
  /** Tells the collector how this source's messages become rows. */
  initialize(collector: SourceCollector, describe: (message: NatsMessage) => string): void;
  /** Resolves when every dead letter so far is confirmed. */
  flush(): Promise<void>;
  close(): Promise<void>;
}

/** Connects and opens what reading needs. On a failure nothing stays open. */
export async function openSourceLink(
  { connect, openDecoder, deserialization }: SourceOptions<unknown>,
  input: SourceInput,
  context: SourceContext,
): Promise<SourceLink> {
  const connection = await connect(context);
  try {
    const decoder = await openDecoder(context.signal);
    const letters = await openSourceDeadLetters(deserialization.badData, input, connection, context);
    return linkOf(connection, decoder, letters, deserialization);
  } catch (error) {
    await connection.close();
    throw error;
  }
}

function linkOf(
  connection: OpenConnection,
  decoder: Decoder,
  deadLetters: SourceDeadLetters | undefined,
  deserialization: SourceOptions<unknown>["deserialization"],
): SourceLink {
  return {
    connection,
    lost: deadLetters === undefined ? connection.lost : AbortSignal.any([connection.lost, deadLetters.failed]),
    initialize: (collector, describe) =>
      collector.initialize<NatsMessage>({ ...deserialization, decoder, describe, deadLetters, traceOf }),
    flush: async () => deadLetters?.delivered(),
    async close() {
      deadLetters?.close();
      await connection.close();
    },
  };
}

/** The headers that W3C names. Reading them parses those of the message. */
export function traceOf({ headers }: NatsMessage): TraceContext | undefined {
  const traceparent = headers?.get("traceparent");
  if (headers === undefined || !traceparent) return undefined;
  // It may come in several lines, which are one list.
  const [, states = []] = [...headers].find(([name]) => name === "tracestate") ?? [];
  return { traceparent, tracestate: parseTracestate(states) };
}

/** Something that only `open` can have made. */
export function opened<T>(value: T | undefined): T {
  if (value === undefined) throw new ConnectorError("UNEXPECTED", "used before open, or after close");
  return value;
}

/**
 * The input cannot be read any further: what precedes the place is handed on and confirmed first, so that it is not
 * lost with it (Core) and is not written again after the next start (JetStream). Never rejects.
 */
export async function handOnBeforeFailing(context: SourceContext, collector: SourceCollector): Promise<void> {
  collector.flush();
  // Its failure is the pipeline's too; the error of the source came first.
  await context.requestCheckpoint?.().catch(() => {});
}

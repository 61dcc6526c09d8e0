import {
  type BadDataConfig,
  createCounters,
  type Encoder,
  type Logger,
  type OperatorCounters,
  type RecordBatch,
  type Row,
  type SinkContext,
  type SinkOperator,
  type SourcePosition,
  type SplitState,
  silentLogger,
} from "@x/connector-api";
import { replyToken } from "../../src/jetstream/ack-reply.ts";
import { sequenceOf } from "../../src/jetstream/position.ts";
import { createTransactionalSink } from "../../src/sink/transactional-sink.ts";
import type { JetStreamSinkTable } from "../../src/table-config.ts";
import { jetStreamSettings, type Observer } from "../sink/sink-fixture.ts";

export interface WorkerOptions extends Partial<Omit<JetStreamSinkTable, "type">> {
  readonly pipeline?: string;
  readonly instance?: string;
  readonly source?: string;
  readonly splits?: readonly string[];
  readonly deterministic?: boolean;
  readonly restored?: ReadonlyMap<string, SplitState>;
  readonly badData?: BadDataConfig;
  readonly encoder?: Encoder;
  readonly user?: { user: string; pass: string };
  readonly domain?: string;
  readonly connectTimeoutMs?: number;
}

/** A sink of a pipeline that is open. */
export interface Worker {
  readonly sink: SinkOperator;
  readonly committed: ReadonlyMap<string, SourcePosition> | undefined;
  readonly counters: OperatorCounters;
  readonly warnings: string[];
  readonly debugged: string[];
  write(...batches: readonly RecordBatch[]): Promise<void>;
  flush(final?: boolean): Promise<void>;
}

let instances = 0;

export async function openWorker(url: string, options: WorkerOptions = {}): Promise<Worker> {
  const { pipeline = "p", instance = `i${++instances}`, source = "IN", splits = ["0"], ...rest } = options;
  const { deterministic = true, restored, ...table } = rest;
  const warnings: string[] = [];
  const debugged: string[] = [];
  const logger: Logger = {
    ...silentLogger,
    warn: (_facts, message) => void warnings.push(message),
    debug: (_facts, message) => void debugged.push(message),
  };
  const counters = createCounters();
  const context: SinkContext = {
    identity: { pipeline, jobId: "job", epoch: 1, instanceId: instance },
    signal: new AbortController().signal,
    logger,
    counters,
    assertCurrent: async () => {},
    origin: { stream: source, splits, sequenceOf },
    deterministic,
    restored,
  };
  const sink = createTransactionalSink(jetStreamSettings({ url, delivery: "exactly_once", ...table }));
  try {
    const { committed } = await sink.open(context);
    let barriers = 0;
    return {
      sink,
      committed,
      counters,
      warnings,
      debugged,
      async write(...batches) {
        for (const batch of batches) await sink.processBatch(batch);
      },
      flush: (final = false) => sink.flush({ checkpointId: ++barriers, final }),
    };
  } catch (error) {
    await sink.close();
    throw error;
  }
}

/** The inputs `from` to `to` as one batch, `rowsOf` rows of each: `note` says which row of which input it is. */
export function inputs(
  from: number,
  to: number,
  rowsOf: (input: number) => number = () => 1,
  split = "0",
): RecordBatch {
  const rows: Row[] = [];
  const positions: string[] = [];
  for (let input = from; input <= to; input++) {
    for (let i = 0; i < rowsOf(input); i++) {
      rows.push({ id: input, region: "eu", note: `${input}.${i}` });
      positions.push(positionOf(input));
    }
  }
  return { rows, split, positions, end: positionOf(to) };
}

export function positionOf(input: number): string {
  return `${input}.${input}.99`;
}

/** The notes of all outputs that inputs `1` to `to` should give. */
export function expected(to: number, rowsOf: (input: number) => number = () => 1): string[] {
  return inputs(1, to, rowsOf).rows.map((row) => String(row.note));
}

export interface Stored {
  readonly seq: number;
  readonly subject: string;
  readonly note: string;
}

/** The outputs in the stream, in order, without progress. */
export async function outputs(observer: Observer, stream = "OUT"): Promise<Stored[]> {
  return (await messages(observer, stream)).filter(({ subject }) => !subject.includes("__progress"));
}

export async function notes(observer: Observer, stream = "OUT"): Promise<string[]> {
  return (await outputs(observer, stream)).map(({ note }) => note);
}

/** The progress messages in the stream, in order. */
export async function progress(observer: Observer, stream = "OUT"): Promise<Record<string, unknown>[]> {
  const stored = (await messages(observer, stream)).filter(({ subject }) => subject.includes("__progress"));
  return stored.map(({ text }) => JSON.parse(text) as Record<string, unknown>);
}

/** The `Nats-Msg-Id` of every message that has one, in order. */
export async function messageIds(observer: Observer, stream = "OUT"): Promise<string[]> {
  return (await messages(observer, stream)).flatMap(({ id }) => (id === "" ? [] : [id]));
}

async function messages(observer: Observer, stream: string): Promise<(Stored & { text: string; id: string })[]> {
  const stored = await observer.messagesOf(stream);
  return stored.map((message) => {
    const { subject, reply, headers } = message;
    const seq = Number(replyToken(reply, 1));
    // Without the piece of a stage behind it.
    const [text = ""] = message.string().split("\n", 1);
    const { note = "" } = subject.includes("__progress") ? {} : message.json<{ note?: string }>();
    return { seq, subject, note, text, id: headers?.get("Nats-Msg-Id") ?? "" };
  });
}

export const atomicStream = { name: "OUT", allow_atomic: true, allow_rollup_hdrs: true } as const;

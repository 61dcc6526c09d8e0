import { randomUUID } from "node:crypto";
import {
  ConnectorError,
  createCounters,
  createSourceCollector,
  type Identity,
  type OperatorContext,
  type OperatorCounters,
  type RecordBatch,
  type SourceContext,
  type SourceFinish,
  type SourceOperator,
  type SourceSnapshot,
} from "@x/connector-api";
import type { OpenConnection } from "../../src/connection.js";
import { openConnection } from "../../src/open-connection.js";
import { createCompetingSource } from "../../src/source/competing-source.js";
import { createJetStreamSource } from "../../src/source/jetstream-source.js";
import type { SourceOptions } from "../../src/source/source-link.js";
import type { JetStreamSourceTable } from "../../src/table-config.js";
import { parseTable } from "../../src/table-config.js";

export const jobId = (): string => randomUUID().slice(0, 8);

export interface HostOptions {
  readonly identity?: Partial<Identity>;
  readonly restored?: SourceSnapshot | undefined;
  readonly untilCaughtUp?: boolean;
  readonly assertCurrent?: () => Promise<void>;
  readonly requestCheckpoint?: () => Promise<void>;
  readonly committed?: SourceContext["committed"];
  /** Room for this many rows until `take` is called; default: no end. */
  readonly capacity?: number;
}

export interface LogEntry {
  readonly level: string;
  readonly message: string;
  readonly [fact: string]: unknown;
}

/** A host of one source: collects what is handed on, and takes checkpoints when told to. */
export interface SourceHost {
  readonly source: SourceOperator;
  readonly batches: RecordBatch[];
  readonly counters: OperatorCounters;
  readonly drain: AbortController;
  readonly stop: AbortController;
  readonly context: SourceContext;
  /** What was logged, with level and text. */
  readonly logged: readonly LogEntry[];
  /** Values handed on so far. */
  values(): string[];
  open(): Promise<void>;
  /** Starts `run`; the promise is also awaited by `finish`. */
  run(): Promise<SourceFinish>;
  /** Resolves when so many values were handed on. */
  until(count: number, timeoutMs?: number): Promise<void>;
  checkpoint(id: number): Promise<SourceSnapshot>;
  /** Lets downstream take more. */
  take(count: number): void;
}

export function createHost(source: SourceOperator, options: HostOptions = {}): SourceHost {
  const batches: RecordBatch[] = [];
  const counters = createCounters();
  const drain = new AbortController();
  const stop = new AbortController();
  let capacity = options.capacity ?? Number.POSITIVE_INFINITY;
  let rows = 0;
  let wake: (() => void)[] = [];
  const logged: LogEntry[] = [];
  const log =
    (level: string) =>
    (facts: object, message: string): void =>
      void logged.push({ ...facts, level, message });
  const context: SourceContext = {
    identity: { pipeline: "test", jobId: jobId(), epoch: 1, instanceId: jobId(), ...options.identity },
    signal: stop.signal,
    drain: drain.signal,
    logger: { debug: log("debug"), info: log("info"), warn: log("warn"), error: log("error") },
    counters,
    assertCurrent: options.assertCurrent ?? (() => Promise.resolve()),
    untilCaughtUp: options.untilCaughtUp ?? false,
    restored: options.restored,
    committed: options.committed,
    ...(options.requestCheckpoint && { requestCheckpoint: options.requestCheckpoint }),
  };
  const hasRoom = (): boolean => rows < capacity;
  const collector = createSourceCollector({
    counters,
    downstream: {
      accept(batch) {
        batches.push(batch);
        rows += batch.rows.length;
      },
      idle: true,
      get hasRoom() {
        return hasRoom();
      },
      room: () => (hasRoom() ? Promise.resolve() : new Promise((resolve) => wake.push(resolve))),
    },
  });
  return {
    source,
    batches,
    counters,
    drain,
    stop,
    context,
    logged,
    values: () => batches.flatMap((batch) => batch.rows.map((row) => String(row.value))),
    open: () => source.open(context),
    run: () => source.run(context, collector),
    async until(count, timeoutMs = 20_000) {
      const deadline = Date.now() + timeoutMs;
      while (rows < count) {
        if (Date.now() > deadline) throw new Error(`only ${rows} of ${count} rows after ${timeoutMs} ms`);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    },
    async checkpoint(id) {
      const snapshot = source.snapshot(id);
      await source.checkpointCompleted(id);
      return snapshot;
    },
    take(count) {
      capacity += count;
      for (const each of wake) each();
      wake = [];
    },
  };
}

/** A decoder of texts into the column `value`. */
export const textDecoder = {
  decode(payload: Uint8Array, rows: Record<string, unknown>[]): void {
    const value = Buffer.from(payload).toString();
    if (value === "poison") throw new ConnectorError("BAD_DATA", "poison");
    rows.push({ value });
  },
} as never;

export function connectTo(url: string, domain?: string): (context: OperatorContext) => Promise<OpenConnection> {
  const limits = { connectTimeoutMs: 3000, authRetryWindowMs: 1000 };
  return (context) =>
    openConnection({ servers: url.split(","), ...limits, inboxPrefix: "_INBOX", domain, name: "test" }, context);
}

/** A source with `ordering = 'none'`. */
export function sharedSource(
  url: string,
  table: Partial<JetStreamSourceTable> & { stream: string },
  more: Partial<SourceOptions<JetStreamSourceTable>> = {},
): SourceOperator {
  return createCompetingSource({ ...optionsOf(url, { ...table, ordering: "none" }), ...more });
}

export function streamSource(
  url: string,
  table: Partial<JetStreamSourceTable> & { stream: string },
  more: Partial<SourceOptions<JetStreamSourceTable>> = {},
): SourceOperator {
  return createJetStreamSource({ ...optionsOf(url, table), ...more });
}

function optionsOf(
  url: string,
  { only, ...table }: Partial<JetStreamSourceTable> & { stream: string },
): SourceOptions<JetStreamSourceTable> {
  const parsed = parseTable({ type: "jetstream-source", ...table }) as JetStreamSourceTable;
  return {
    table: only === undefined ? parsed : { ...parsed, only },
    connect: connectTo(url),
    openDecoder: () => Promise.resolve(textDecoder),
    deserialization: { badData: { behavior: "fail" }, metadata: [] },
    connectTimeoutMs: 3000,
  };
}

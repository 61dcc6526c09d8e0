import { expect } from "vitest";
import { isConnectorError } from "../errors.js";
import type { SinkOperator, SinkStart } from "../operator.js";
import type { OperatorCounters } from "../operator-context.js";
import type { ReplayRange } from "../pipeline-plan.js";
import type { RecordBatch } from "../record-batch.js";
import type { Row } from "../row.js";
import type { SinkEnvironment } from "./connector-fixture.js";
import { within } from "./eventually.js";
import type { HostedSource } from "./operator-host.js";
import { suiteRows } from "./suite-rows.js";
import type { Offer, RunTest, TableTools } from "./table-tools.js";

/** What a law is given: an outside of its own, and sinks that write there. */
export interface SinkBench {
  readonly environment: SinkEnvironment;
  /** A sink that nobody has opened. `options` are added to the environment's. Closed when the law is over. */
  create(options?: object): SinkOperator;
  /** A sink that is open, the counters it counts in, and what it said of its past. */
  open(options?: object): Promise<OpenSink>;
  /** Writes rows with an open sink, as the inputs from `from` on, and flushes it. */
  writeTo(sink: SinkOperator, rows: readonly Row[], from: number): Promise<void>;
  /** The same with a sink of its own, from input 1 on. */
  write(rows: readonly Row[], from?: number): Promise<void>;
  /** `Connector.test` of the table. */
  readonly test: RunTest;
  /** What else the connector does with the table, and which of it there is. */
  tools(options?: object): TableTools;
  readonly offers: Readonly<Record<Offer, boolean>>;
  /** `Connector.makeReplay` of the table under way. Stopped and closed when the law is over. */
  startReplay(range: ReplayRange): Promise<HostedSource>;
}

export interface OpenSink {
  readonly sink: SinkOperator;
  readonly counters: OperatorCounters;
  readonly start: SinkStart;
}

export interface SinkLaw {
  readonly name: string;
  /** Whose law it is; everybody's when absent. */
  readonly appliesTo?: Partial<Readonly<Record<Offer, boolean>>> & {
    readonly format?: boolean;
    readonly tests?: boolean;
    readonly keepsProgress?: boolean;
  };
  check(bench: SinkBench): Promise<void>;
}

/** The laws of a {@link SinkOperator}. */
export const sinkLaws: readonly SinkLaw[] = [
  {
    name: "has written every row before a flush, in order, when the flush resolves",
    async check({ environment, open }) {
      const { sink, counters } = await open();
      for (let from = 1; from <= 150; from += 30) await sink.processBatch(batchOf(suiteRows(from, from + 29), from));
      await flush(sink, 1);
      expect(await environment.read()).toEqual(suiteRows(1, 150));
      expect(counters).toMatchObject({ rowsOut: 150, badRows: 0 });
      await sink.close();
      expect(await environment.read(), "after close").toEqual(suiteRows(1, 150));
    },
  },
  {
    name: "takes batches while an earlier flush is under way",
    async check({ environment, open }) {
      const { sink, counters } = await open();
      await sink.processBatch(batchOf(suiteRows(1, 40), 1));
      const first = flush(sink, 1);
      await sink.processBatch(batchOf(suiteRows(41, 60), 41));
      await first;
      expect((await environment.read()).slice(0, 40)).toEqual(suiteRows(1, 40));
      await flush(sink, 2);
      expect(await environment.read()).toEqual(suiteRows(1, 60));
      expect(counters.rowsOut).toBe(60);
    },
  },
  {
    name: "flushes when there is nothing to flush, and takes batches without rows",
    async check({ environment, open }) {
      const { sink } = await open();
      await flush(sink, 1);
      await sink.processBatch(batchOf([], 1));
      await flush(sink, 2);
      expect(await environment.read()).toEqual([]);
    },
  },
  {
    name: "keeps order and loses nothing under load, when its backpressure is waited for",
    async check({ environment, open }) {
      const { sink, counters } = await open();
      for (let from = 1; from <= 5000; from += 250) await sink.processBatch(batchOf(suiteRows(from, from + 249), from));
      await flush(sink, 1, 30_000);
      expect(counters.rowsOut).toBe(5000);
      expect(await environment.read()).toEqual(suiteRows(1, 5000));
    },
  },
  {
    name: "writes behind what an earlier run has written",
    async check({ environment, open }) {
      for (const from of [1, 11, 21]) {
        const { sink } = await open();
        await sink.processBatch(batchOf(suiteRows(from, from + 9), from));
        await flush(sink, 1);
        await sink.close();
      }
      expect(await environment.read()).toEqual(suiteRows(1, 30));
    },
  },
  {
    name: "can be closed before it was opened, with rows unconfirmed, and twice",
    async check({ create, open }) {
      const unopened = create();
      await unopened.close();
      await unopened.close();
      const { sink } = await open();
      await sink.processBatch(batchOf(suiteRows(1, 5), 1));
      await within("closing", sink.close());
      await sink.close();
    },
  },
  {
    name: "bad_data = 'fail': refuses a bad row with a coded error and does not write it",
    appliesTo: { format: true },
    async check({ environment, open }) {
      const { sink, counters } = await open();
      const error = await failureOf(async () => {
        await sink.processBatch(batchOf([...suiteRows(1, 2), badRow, ...suiteRows(3, 4)], 1));
        await flush(sink, 1);
      });
      expect(isConnectorError(error) && error.exitCode, String(error)).toBe(6);
      expect(counters.badRows).toBe(1);
      await sink.close();
      const written = await environment.read();
      expect(written).toEqual(suiteRows(1, written.length));
      expect(written.length).toBeLessThanOrEqual(2);
    },
  },
  {
    name: "bad_data = 'drop': counts a bad row and writes all others",
    appliesTo: { format: true },
    async check({ environment, open }) {
      const { sink, counters } = await open({ badData: "drop" });
      await sink.processBatch(batchOf([...suiteRows(1, 2), badRow, ...suiteRows(3, 4)], 1));
      await sink.processBatch(batchOf([badRow], 6));
      await flush(sink, 1);
      expect(await environment.read()).toEqual(suiteRows(1, 4));
      expect(counters).toMatchObject({ rowsOut: 4, badRows: 2 });
    },
  },
];

/** NOT NULL is what every format and schema can refuse. */
const badRow: Row = { n: null, text: "no number" };

export function batchOf(rows: readonly Row[], from: number): RecordBatch {
  const positions = rows.map((_, i) => from + i);
  return { rows, split: "0", positions, end: from + Math.max(0, rows.length - 1) };
}

export function flush(sink: SinkOperator, checkpointId: number, timeoutMs = 10_000): Promise<void> {
  return within("flush", sink.flush({ checkpointId, final: false }), timeoutMs);
}

async function failureOf(run: () => Promise<void>): Promise<unknown> {
  try {
    await run();
    return undefined;
  } catch (error) {
    return error;
  }
}

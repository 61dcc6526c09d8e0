import {
  ConnectorOptions,
  createCounters,
  type OperatorConfig,
  type RecordBatch,
  type Row,
  type SinkContext,
  type SinkOperator,
  silentLogger,
} from "@x/connector-api";
import { natsConnector } from "@x/nats-connector";
import { type Job, type OpenEntrant, streams } from "../contest/entrant.js";
import { formatOptions } from "../encoded.js";
import { payload } from "../flights.js";
import { nested } from "./source.js";

const ROWS_PER_BATCH = 1000;

/** The operator of a sink, fed with batches that have positions, as a pipeline does: also exactly once. */
export const ourSinkOperator: OpenEntrant = async (job) => {
  let last: SinkOperator | undefined;
  return {
    async prepare(turn) {
      await last?.close();
      const sink = makeSink(job);
      last = sink;
      await sink.open(contextOf(turn));
      const batches = batchesOf(payload(job.payload).rows, job.count);
      return async () => {
        for (const batch of batches) await sink.processBatch(batch);
        await sink.flush({ checkpointId: 1, final: true });
      };
    },
    close: async () => last?.close(),
  };
};

function makeSink({ servers, format, payload: name, delivery = "at_least_once" }: Job): SinkOperator {
  const data = payload(name);
  const { name: stream, subject } = streams.output;
  const options = { ...nested(formatOptions(format, data)), servers, type: "sink", stream, subject, delivery };
  const connector = natsConnector();
  const connection = connector.fromOptions("sink", ConnectorOptions.fromObject(options, {}), data.schema);
  const config = JSON.parse(connection.config) as OperatorConfig;
  const profile = connector.parseProfile(config.connection);
  const made = connector.makeOperator(profile, connector.parseTable(config.table), config, connection.schema);
  if (made.kind === "sink") return made.operator;
  throw new Error("a source, expected a sink");
}

function contextOf(turn: number): SinkContext {
  return {
    identity: { pipeline: `bench-${turn}`, jobId: "bench", epoch: 1, instanceId: `turn-${turn}` },
    signal: new AbortController().signal,
    logger: silentLogger,
    counters: createCounters(),
    assertCurrent: async () => {},
    origin: { stream: streams.input.name, splits: ["0"], sequenceOf: Number },
    deterministic: true,
  };
}

function batchesOf(rows: readonly Row[], count: number): RecordBatch[] {
  return Array.from({ length: Math.ceil(count / ROWS_PER_BATCH) }, (_, batch) => {
    const from = batch * ROWS_PER_BATCH;
    const size = Math.min(ROWS_PER_BATCH, count - from);
    return {
      rows: Array.from({ length: size }, (_, i) => rows[(from + i) % rows.length] as Row),
      split: "0",
      positions: Array.from({ length: size }, (_, i) => from + i + 1),
      end: from + size,
    };
  });
}

import {
  type CheckpointStore,
  type Connector,
  ConnectorError,
  type ConstructedOperator,
  createCounters,
  memoryCheckpoints,
  openIncarnation,
  silentLogger,
} from "@x/connector-api";
import { DirectSink } from "./direct/direct-sink.js";
import { DirectSource, saveAndAck, sourceContext } from "./direct/direct-source.js";
import { type DirectOptions, makeDirectOperator } from "./direct/open-operator.js";
import type { NatsClient } from "./nats-client.js";
import { natsConnector } from "./nats-connector.js";

interface ConnectorChoice {
  /** A connector with formats or authentication of your own. Default: `natsConnector()`. */
  readonly connector?: Connector;
  /** An open connection to use instead of dialling. Never closed here. */
  readonly client?: NatsClient;
}

export interface OpenSourceOptions<T> extends DirectOptions<T>, ConnectorChoice {
  /**
   * Where commits are kept, `fileCheckpoints("./state")` for example; the store stays yours to close. Needs `name`. Of
   * two sources with one store and name the newer one wins: the older one's next commit rejects with FENCED.
   */
  readonly checkpoints?: CheckpointStore;
  /** Ends the iteration once everything has been read that the stream held when the source was opened. */
  readonly untilCaughtUp?: boolean;
}

export interface OpenSinkOptions<T> extends DirectOptions<T>, ConnectorChoice {
  /** How long `close` waits for confirmations. Default 25,000. */
  readonly drainTimeoutMs?: number;
}

/**
 * Opens a source: connects, claims the next epoch of `name`, and attaches behind the last commit (a first start: where
 * `deliverPolicy` says). Rejects with a coded error when that is impossible; then nothing is left behind.
 */
export async function openSource<T>(options: OpenSourceOptions<T>): Promise<DirectSource<T>> {
  const { checkpoints, untilCaughtUp = false, ...rest } = options;
  const { operator, name, logger, stop } = prepare(rest, "source");
  if (operator.kind !== "source") throw new ConnectorError("UNEXPECTED", "the connector made no source");
  const store = checkpoints ?? withoutStore(options);
  if (checkpoints !== undefined && options.name === undefined) {
    throw new ConnectorError("OPTION_MISSING", 'option "name" is required: checkpoints are kept under it');
  }
  const source = operator.operator;
  const incarnation = await openIncarnation(store, name, logger, stop.signal);
  const context = sourceContext(incarnation, stop.signal, logger, untilCaughtUp);
  const parts = { operator: source, context, incarnation, stop };
  try {
    await source.open(context);
    // Where the first start was resolved to must outlive this process, before the first row is seen.
    await saveAndAck(parts, 0, source.snapshot(0));
  } catch (error) {
    stop.abort();
    await source.close();
    throw error;
  }
  return new DirectSource<T>(parts);
}

/** Opens a sink: connects and checks the destination. Rejects with a coded error; then nothing is left behind. */
export async function openSink<T>(options: OpenSinkOptions<T>): Promise<DirectSink<T>> {
  const { drainTimeoutMs = 25_000, ...rest } = options;
  const { operator, name, logger, stop } = prepare(rest, "sink");
  if (operator.kind !== "sink") throw new ConnectorError("UNEXPECTED", "the connector made no sink");
  const sink = operator.operator;
  const identity = { pipeline: name, jobId: "direct", epoch: 1, instanceId: "direct" };
  const assertCurrent = (): Promise<void> => Promise.resolve();
  const context = { identity, signal: stop.signal, logger, counters: createCounters(), assertCurrent };
  try {
    await sink.open(context);
  } catch (error) {
    stop.abort();
    await sink.close();
    throw error;
  }
  return new DirectSink<T>({ operator: sink, context, stop, drainTimeoutMs });
}

interface Prepared {
  readonly operator: ConstructedOperator;
  readonly name: string;
  readonly logger: NonNullable<DirectOptions<unknown>["logger"]>;
  /** Aborts when the user's signal does, and at close. */
  readonly stop: AbortController;
}

function prepare(options: DirectOptions<unknown> & ConnectorChoice, type: "source" | "sink"): Prepared {
  const { schema, name = type, logger = silentLogger, environment = process.env, signal, ...rest } = options;
  const { client, connector = natsConnector(client === undefined ? {} : { client }), ...own } = rest;
  const operator = makeDirectOperator(connector, { type, name, options: own, schema, environment });
  const stop = new AbortController();
  if (signal?.aborted) stop.abort(signal.reason);
  signal?.addEventListener("abort", () => stop.abort(signal.reason), { once: true, signal: stop.signal });
  return { operator, name, logger, stop };
}

/** A Core source has no position to keep; a stream has one, and losing it must be a choice. */
function withoutStore(options: OpenSourceOptions<never> | OpenSourceOptions<unknown>): CheckpointStore {
  if (options.stream === undefined) return memoryCheckpoints();
  throw new ConnectorError(
    "UNSUPPORTED",
    'a source on a stream needs "checkpoints" in this version: pass fileCheckpoints("./state") of @x/connector-api/node, or memoryCheckpoints() to start over with each process',
    { context: { option: "checkpoints" } },
  );
}

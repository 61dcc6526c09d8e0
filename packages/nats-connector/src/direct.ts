import {
  type CheckpointStore,
  type ConnectionSchema,
  type Connector,
  ConnectorError,
  createCounters,
  type Incarnation,
  type Logger,
  memoryCheckpoints,
  openIncarnation,
  type SourceContext,
  type SourceSnapshot,
  silentLogger,
} from "@x/connector-api";
import { type Commit, type Committer, commitByAck, commitToStore } from "./direct/commit.js";
import { DirectEvents } from "./direct/direct-events.js";
import { DirectSink } from "./direct/direct-sink.js";
import { DirectSource, sourceContext } from "./direct/direct-source.js";
import { type DirectOptions, type DirectTable, openDirectTable } from "./direct/open-operator.js";
import { type StandardSchema, toConnectionSchema } from "./direct/standard-schema.js";
import type { NatsClient } from "./nats-client.js";
import { type NatsConnector, natsConnector } from "./nats-connector.js";

interface ConnectorChoice {
  /** A connector with formats or authentication of your own. Default: `natsConnector()`. */
  readonly connector?: Connector;
  /** An open connection to use instead of dialling. Never closed here. */
  readonly client?: NatsClient;
}

export interface OpenSourceOptions<T> extends DirectOptions<T>, ConnectorChoice {
  /**
   * The columns, from `defineSchema` or elsewhere; or a Standard Schema (zod and the like): the payload may then be any
   * JSON object, and a row is what the schema makes of it. What it refuses is bad data.
   */
  readonly schema: ConnectionSchema<T> | ConnectionSchema | StandardSchema<unknown, T>;
  /**
   * Where commits are kept, `fileCheckpoints("./state")` for example; the store stays yours to close. Needs `name`. Of
   * two sources with one store and name the newer one wins: the older one's next commit rejects with FENCED.
   * Left out on a stream: a durable consumer named after `name` keeps the position, and a commit is an ack.
   */
  readonly checkpoints?: CheckpointStore;
  /** Ends the iteration once everything has been read that the stream held when the source was opened. */
  readonly untilCaughtUp?: boolean;
}

export interface OpenSinkOptions<T> extends DirectOptions<T>, ConnectorChoice {
  /**
   * The columns, from `defineSchema` or elsewhere; or a Standard Schema (zod and the like): what it makes of a row is
   * encoded, what it refuses is bad data, and templates name keys of the row as it was given. Left out, json writes rows
   * as they are.
   */
  readonly schema?: ConnectionSchema<T> | ConnectionSchema | StandardSchema<T, unknown>;
  /** How long `close` waits for confirmations. Default 25,000. */
  readonly drainTimeoutMs?: number;
}

/**
 * Opens a source: connects, claims the next epoch of `name`, and attaches behind the last commit (a first start: where
 * `deliverPolicy` says). Rejects with a coded error when that is impossible; then nothing is left behind.
 */
export async function openSource<T>(options: OpenSourceOptions<T>): Promise<DirectSource<T>> {
  const { checkpoints, untilCaughtUp = false, ...rest } = options;
  const prepared = prepare(rest, "source");
  const { logger, stop, name } = prepared;
  if (options.name === undefined && (checkpoints !== undefined || options.stream !== undefined)) {
    throw new ConnectorError("OPTION_MISSING", 'option "name" is required: the position is kept under it');
  }
  try {
    if (checkpoints === undefined && options.stream !== undefined) return await openAcked<T>(prepared, untilCaughtUp);
    const store = checkpoints ?? memoryCheckpoints();
    const incarnation = await openIncarnation(store, name, logger, stop.signal);
    const opened = await openAt(prepared, incarnation, prepared.table, untilCaughtUp);
    return await startSource<T>(prepared, opened, commitToStore(opened), async () => {});
  } catch (error) {
    stop.abort();
    throw error;
  }
}

/** Without a store: durable consumers hold the position. */
async function openAcked<T>(prepared: Prepared, untilCaughtUp: boolean): Promise<DirectSource<T>> {
  const { connector, profile, table, name, logger, stop, events } = prepared;
  if (!("openAckFloor" in connector)) {
    throw new ConnectorError(
      "OPTION_MISSING",
      `connector "${connector.name}" keeps no position itself: give "checkpoints"`,
    );
  }
  const nats = connector as NatsConnector;
  const context = { logger, signal: stop.signal, onEvent: events.emit, counters: createCounters() };
  let pinned: SourceSnapshot | undefined;
  for (;;) {
    const floor = await nats.openAckFloor(profile as never, table as never, name, context, pinned);
    try {
      const { incarnation, ackPolicy } = floor;
      const opened = await openAt(prepared, incarnation, { ...(table as object), ackPolicy }, untilCaughtUp);
      if (incarnation.restored !== undefined || !needsPin(table)) {
        return await startSource<T>(prepared, opened, commitByAck(opened), () => floor.close());
      }
      // Where "new" or a time was resolved to must outlive this process: as a sequence it does.
      pinned = opened.operator.snapshot(0);
      await opened.operator.close();
    } catch (error) {
      await floor.close();
      throw error;
    }
    await floor.close();
  }
}

/** A consumer that begins with everything, or at a sequence, is made again in the same way. */
function needsPin(table: unknown): boolean {
  const { deliver } = table as { deliver?: { readonly policy: string } };
  return deliver !== undefined && deliver.policy !== "all" && deliver.policy !== "by_start_sequence";
}

interface OpenedSource extends Committer {
  readonly context: SourceContext;
}

async function openAt(
  { makeOperator, stop, logger, events }: Prepared,
  incarnation: Incarnation,
  table: unknown,
  untilCaughtUp: boolean,
): Promise<OpenedSource> {
  const made = makeOperator(table);
  if (made.kind !== "source") throw new ConnectorError("UNEXPECTED", "the connector made no source");
  const { operator } = made;
  const context = sourceContext(incarnation, { signal: stop.signal, logger, onEvent: events.emit }, untilCaughtUp);
  try {
    await operator.open(context);
    return { operator, context, incarnation };
  } catch (error) {
    await operator.close();
    throw error;
  }
}

async function startSource<T>(
  { events, stop }: Prepared,
  { operator, context, incarnation }: OpenedSource,
  commit: Commit,
  release: () => Promise<void>,
): Promise<DirectSource<T>> {
  try {
    // Where the first start was resolved to must outlive this process, before the first row is seen.
    await incarnation.save(0, operator.snapshot(0));
  } catch (error) {
    await operator.close();
    throw error;
  }
  return new DirectSource<T>({ operator, context, commit, events, stop, release });
}

/** Opens a sink: connects and checks the destination. Rejects with a coded error; then nothing is left behind. */
export async function openSink<T>(options: OpenSinkOptions<T>): Promise<DirectSink<T>> {
  const { drainTimeoutMs = 25_000, ...rest } = options;
  const { makeOperator, table, name, logger, stop, events } = prepare(rest, "sink");
  const made = makeOperator(table);
  if (made.kind !== "sink") throw new ConnectorError("UNEXPECTED", "the connector made no sink");
  const sink = made.operator;
  const context = {
    identity: { pipeline: name, jobId: "direct", epoch: 1, instanceId: "direct" },
    signal: stop.signal,
    logger,
    counters: createCounters(),
    onEvent: events.emit,
    assertCurrent: () => Promise.resolve(),
  };
  try {
    await sink.open(context);
  } catch (error) {
    stop.abort();
    await sink.close();
    throw error;
  }
  return new DirectSink<T>({ operator: sink, context, stop, events, drainTimeoutMs });
}

interface Prepared extends DirectTable {
  readonly connector: Connector;
  readonly name: string;
  readonly logger: Logger;
  readonly events: DirectEvents;
  /** Aborts when the user's signal does, and at close. */
  readonly stop: AbortController;
}

function prepare(options: DirectOptions<unknown> & ConnectorChoice, type: "source" | "sink"): Prepared {
  const {
    schema = { columns: [] },
    name = type,
    logger = silentLogger,
    environment = process.env,
    signal,
    ...rest
  } = options;
  const { client, connector: chosen, ...own } = rest;
  if (client !== undefined && chosen !== undefined) {
    throw new ConnectorError(
      "OPTION_CONFLICT",
      "client and connector exclude each other: a connector has its own client",
    );
  }
  const connector: Connector = chosen ?? natsConnector(client === undefined ? {} : { client });
  if ("~standard" in schema && !("openAckFloor" in connector)) {
    const text = `connector "${connector.name}" takes columns; give a schema of defineSchema`;
    throw new ConnectorError("UNSUPPORTED", text);
  }
  const request = { type, name, options: own, schema: toConnectionSchema(schema), environment };
  const table = openDirectTable(connector, request);
  const stop = new AbortController();
  if (signal?.aborted) stop.abort(signal.reason);
  signal?.addEventListener("abort", () => stop.abort(signal.reason), { once: true, signal: stop.signal });
  return { ...table, connector, name, logger, stop, events: new DirectEvents() };
}

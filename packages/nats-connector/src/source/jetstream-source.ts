import {
  abortable,
  ConnectorError,
  type SourceCollector,
  type SourceContext,
  type SourceFinish,
  type SourceOperator,
  type SourceOrigin,
  type SourcePosition,
  type SourceSnapshot,
} from "@x/connector-api";
import { readCapabilities } from "../capabilities.js";
import { sequenceOf } from "../jetstream/position.js";
import { describeJetStreamMessage } from "../message-metadata.js";
import type { JetStreamSourceTable } from "../table-config.js";
import { checkCoverage } from "./check-coverage.js";
import { checkRoom } from "./check-room.js";
import { createPullPace } from "./pull-pace.js";
import { retryAttach } from "./retry-attach.js";
import { handOnBeforeFailing, opened, openSourceLink, type SourceLink, type SourceOptions } from "./source-link.js";
import { resolveSplits, splitNames } from "./splits.js";
import { StreamSplit } from "./stream-split.js";

/**
 * Reads a stream in order per split, each from a position of our own: an unpartitioned stream is one split. Splits run
 * side by side over one connection, share the bounds of memory, and fail together.
 */
export function createJetStreamSource(options: SourceOptions<JetStreamSourceTable>): SourceOperator {
  return new JetStreamSource(options);
}

class JetStreamSource implements SourceOperator {
  readonly name: string;
  readonly origin: SourceOrigin;
  readonly #options: SourceOptions<JetStreamSourceTable>;
  #link: SourceLink | undefined;
  #splits: readonly StreamSplit[] = [];

  constructor(options: SourceOptions<JetStreamSourceTable>) {
    const { table } = options;
    this.#options = options;
    this.name = `nats stream ${table.stream}`;
    const all = splitNames(table);
    const splits = table.only === undefined ? all : [table.only];
    this.origin = { stream: table.stream, splits, outOf: all.length, sequenceOf };
  }

  async open(context: SourceContext): Promise<void> {
    const { table, rateLimit, connectTimeoutMs, moveAfterMs } = this.#options;
    const deadline = Date.now() + connectTimeoutMs;
    const subjects = table.partition?.by === "filters" ? table.partition.filters : table.filterSubjects;
    this.#link = await openSourceLink(this.#options, { stream: table.stream, subjects }, context);
    const { connection } = this.#link;
    const { signal, logger } = context;
    const stream = await retryAttach({ connection, signal, logger, deadline }, () =>
      connection.api.streamInfo(table.stream, signal),
    );
    const all = resolveSplits(table, stream);
    const splits = all.filter(({ name }) => this.origin.splits.includes(name));
    refuseForeignSplits(
      context,
      splits.map(({ name }) => name),
    );
    if (stream.config.retention === "interest") {
      const { maxConsumers } = await readCapabilities(connection.api, connection.client, signal, stream);
      checkRoom(stream, maxConsumers, splits.length, context.restored === undefined);
    }
    await checkCoverage(connection.api, table, stream, all, signal);
    const pace = createPullPace(table, splits.length, rateLimit);
    const setting = { connection, table, context, pace, moveAfterMs };
    this.#splits = splits.map((split) => new StreamSplit(split, setting));
    await Promise.all(this.#splits.map((split) => split.open(deadline)));
  }

  starts(): ReadonlyMap<string, SourcePosition> {
    return new Map(this.#splits.map((split) => [split.name, split.start]));
  }

  async run(context: SourceContext, collector: SourceCollector): Promise<SourceFinish> {
    const link = opened(this.#link);
    link.initialize(collector, describeJetStreamMessage);
    const failed = new AbortController();
    const stop = AbortSignal.any([context.signal, context.drain, link.lost, failed.signal]);
    try {
      const caughtUp = await this.#runAll(collector, stop, failed);
      if (context.signal.aborted) return "immediate";
      // What waits for its schema still counts as read; a stop does not wait for it, and the next run reads it again.
      if (caughtUp && !collector.hasRoom) await abortable(collector.room(), stop).catch(unlessAborted(stop));
      if (link.lost.aborted) throw link.lost.reason;
      collector.flush();
      return caughtUp ? "final" : "graceful";
    } catch (error) {
      if (context.signal.aborted) return "immediate";
      if (link.lost.aborted) throw link.lost.reason;
      await handOnBeforeFailing(context, collector);
      throw error;
    }
  }

  snapshot(checkpointId: number): SourceSnapshot {
    return new Map(this.#splits.map((split) => [split.name, split.snapshot(checkpointId)]));
  }

  async flush(): Promise<void> {
    await this.#link?.flush();
  }

  async checkpointCompleted(checkpointId: number): Promise<void> {
    await Promise.all(this.#splits.map((split) => split.completed(checkpointId)));
    await this.#link?.connection.boundary();
  }

  async close(): Promise<void> {
    const link = this.#link;
    this.#link = undefined;
    if (link === undefined) return;
    await Promise.all(this.#splits.map((split) => split.close()));
    await link.close();
  }

  /** True when every split has caught up. The first that fails stops the others, and is what the source fails with. */
  async #runAll(collector: SourceCollector, stop: AbortSignal, failed: AbortController): Promise<boolean> {
    const running = this.#splits.map((split) =>
      split.run(collector, stop).catch((error: unknown) => {
        failed.abort(error);
        return false;
      }),
    );
    const caughtUp = await Promise.all(running);
    if (failed.signal.aborted) throw failed.signal.reason;
    return caughtUp.every(Boolean);
  }
}

/** State of splits that this table does not have would be forgotten, and with it what they have not read. */
function refuseForeignSplits({ restored, identity }: SourceContext, names: readonly string[]): void {
  const foreign = [...(restored?.keys() ?? [])].filter((name) => !names.includes(name));
  if (foreign.length === 0) return;
  throw new ConnectorError(
    "STATE_INVALID",
    `the state of pipeline "${identity.pipeline}" has ${restored?.size} partitions and the table ${names.length}; keep the number, or give the pipeline another name`,
    { context: { foreign } },
  );
}

function unlessAborted(signal: AbortSignal): (error: unknown) => void {
  return (error) => {
    if (!signal.aborted) throw error;
  };
}

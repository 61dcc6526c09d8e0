import {
  abortable,
  type BadDataConfig,
  type Barrier,
  type ConnectionSchema,
  ConnectorError,
  createSinkEncoder,
  type Encoder,
  type OperatorContext,
  type RecordBatch,
  type SinkContext,
  type SinkEncoder,
  type SinkOperator,
  type SinkStart,
} from "@x/connector-api";
import type { OpenConnection } from "../connection.js";
import { openSinkDeadLetters, type SinkDeadLetters } from "../dead-letter/sink-dead-letters.js";
import { retryAttach } from "../source/retry-attach.js";
import { compileHeaders, type HeaderOptions } from "./encoded-headers.js";
import { openLineage } from "./lineage.js";
import type { Publisher } from "./publisher.js";
import { RowWriter } from "./row-writer.js";
import type { SubjectTemplate } from "./subject-template.js";

/** What every sink is made of, whatever it publishes with. Nothing here does I/O before `open`. */
export interface SinkSettings<Table> {
  /** For logs and errors: the table's name. */
  readonly name: string;
  readonly table: Table;
  /** The columns of a row. */
  readonly schema: ConnectionSchema;
  readonly badData: BadDataConfig;
  /** Opens the format. Called once, within `open`. */
  readonly openEncoder: (signal: AbortSignal) => Promise<Encoder>;
  /** Connects. Called once, within `open`; the operator closes what it got. */
  readonly connect: (context: OperatorContext) => Promise<OpenConnection>;
  /** Budget for dialling and attaching at start: so long a stream without a leader is waited for. */
  readonly connectTimeoutMs: number;
}

/** How one kind of sink gets from a connection to a publisher. */
export interface SinkKind {
  readonly subject: SubjectTemplate;
  readonly headers: HeaderOptions;
  /** Throws what is wrong with the pipeline it is in, before anything is dialled. */
  check?(context: SinkContext): void;
  /**
   * Checks the destination and starts publishing. Called again after a transient error, which leaves nothing open; who is
   * asked has `patienceMs` to answer, since what is asked during an election is lost.
   */
  attach(link: OpenConnection, context: SinkContext, encoder: SinkEncoder, patienceMs: number): Promise<Attached>;
}

export interface Attached {
  readonly publisher: Publisher;
  /** The destination's own limit of a message with its headers, beside the server's. */
  readonly maxMessageBytes?: number | undefined;
  /** What the publisher adds to the headers of a message. */
  readonly addedBytes?: number;
  /** What was committed by earlier runs. */
  readonly committed?: SinkStart["committed"];
}

const FIRST_PATIENCE_MS = 1000;

/**
 * The operator around a kind of sink: order of opening, batches, barriers, closing. Compiles the headers at once and
 * throws OPTION_INVALID for one that cannot work.
 */
export function createSinkOperator<Table>(settings: SinkSettings<Table>, kind: SinkKind): SinkOperator {
  compileHeaders(kind.headers, settings.schema);
  let link: OpenConnection | undefined;
  let publisher: Publisher | undefined;
  let writer: RowWriter | undefined;
  let letters: SinkDeadLetters | undefined;
  let host: Pick<OperatorContext, "counters" | "logger"> | undefined;
  let closed = false;
  let stopWatching = (): void => {};

  const opened = <T>(part: T | undefined): T => {
    if (part !== undefined && !closed) return part;
    throw new ConnectorError("CLOSED", `sink "${settings.name}" is ${closed ? "closed" : "not open"}`);
  };
  const countUnconfirmed = (): void => {
    const unconfirmed = publisher?.inFlight ?? 0;
    if (host === undefined || unconfirmed === 0) return;
    host.counters.unconfirmedRows += unconfirmed;
    host.counters.inFlight = 0;
    host.logger.warn({ unconfirmed }, `sink "${settings.name}" is closed before all it has written was confirmed`);
  };
  const close = async (): Promise<void> => {
    if (!closed) countUnconfirmed();
    closed = true;
    stopWatching();
    publisher?.close();
    letters?.close();
    await link?.close();
  };

  return {
    name: settings.name,
    async open(context: SinkContext): Promise<SinkStart> {
      kind.check?.(context);
      const begunAt = Date.now();
      const lineage = kind.headers.lineage === true ? openLineage(context) : undefined;
      const headers = compileHeaders(kind.headers, settings.schema, lineage);
      const format = await abortable(settings.openEncoder(context.signal), context.signal);
      const connection = await settings.connect(context);
      link = connection;
      const { signal, logger } = context;
      const deadline = begunAt + settings.connectTimeoutMs;
      const patiently = <T>(attempt: () => Promise<T>): Promise<T> =>
        retryAttach({ connection, signal, logger, deadline }, attempt);
      letters = await patiently(() => openSinkDeadLetters(settings.badData, connection, context));
      const encoder = createSinkEncoder(format, settings.badData, context.counters, letters);
      const attached = await patiently(() => {
        const patienceMs = Math.max(FIRST_PATIENCE_MS, Date.now() - begunAt);
        return kind.attach(connection, context, encoder, patienceMs);
      });
      publisher = attached.publisher;
      host = context;
      const { subject } = kind;
      const maxMessageBytes = messageLimit(connection, attached);
      writer = new RowWriter({ encoder, subject, headers, publisher, maxMessageBytes, counters: context.counters });
      const stop = (): void =>
        publisher?.fail(new ConnectorError("ABORTED", "stopped", { cause: context.signal.reason }));
      context.signal.addEventListener("abort", stop, { once: true });
      stopWatching = () => context.signal.removeEventListener("abort", stop);
      if (context.signal.aborted) stop();
      return attached.committed === undefined ? {} : { committed: attached.committed };
    },
    processBatch(batch: RecordBatch) {
      const written = opened(writer).write(batch);
      if (letters === undefined || letters.hasRoom) return written;
      return Promise.all([written, letters.room()]).then(() => {});
    },
    async flush(barrier: Barrier) {
      await opened(publisher).delivered(barrier);
      if (host !== undefined) host.counters.inFlight = publisher?.inFlight ?? 0;
      // In this order: what the server refuses only now becomes a dead letter, too.
      await letters?.delivered();
      await link?.boundary();
    },
    close,
  };
}

/** The server's limit of now; between two connections the one before. */
function messageLimit(link: OpenConnection, { maxMessageBytes: own, addedBytes = 0 }: Attached): () => number {
  let last = Number.POSITIVE_INFINITY;
  return () => {
    last = link.client.info?.max_payload ?? last;
    return (own === undefined || own > last ? last : own) - addedBytes;
  };
}

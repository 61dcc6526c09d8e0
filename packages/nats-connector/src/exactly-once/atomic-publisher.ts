import {
  type Barrier,
  ConnectorError,
  type RecordBatch,
  type SourcePosition,
  toConnectorError,
} from "@x/connector-api";
import type { OpenConnection } from "../connection.js";
import { fromClientError } from "../nats-errors.js";
import type { Publisher } from "../sink/publisher.js";
import type { AtomicLane } from "./atomic-lane.js";
import { Backlog } from "./backlog.js";
import { undeclaredSplit } from "./resumption.js";

export interface AtomicPublisherOptions {
  readonly link: OpenConnection;
  readonly stream: string;
  readonly maxInFlight: number;
  readonly maxInFlightBytes: number;
  /** Whether outputs or progress may be published to a subject. */
  readonly ownsSubject: (subject: string) => boolean;
  /** Aborted at the end: it ends every wait of the lanes. */
  readonly stop: AbortController;
}

/** Publishes the outputs of all splits in transactions, a lane for each split. */
export class AtomicPublisher implements Publisher {
  readonly backlog: Backlog;
  readonly #options: AtomicPublisherOptions;
  readonly #lanes = new Map<string, AtomicLane>();
  readonly #stopListening: () => void;
  /** Of the batch at hand. */
  #lane: AtomicLane | undefined;

  constructor(options: AtomicPublisherOptions) {
    this.#options = options;
    this.backlog = new Backlog(options.maxInFlight, options.maxInFlightBytes);
    const { link } = options;
    this.#stopListening = link.listen({ refused: (error) => this.#refused(error) });
    link.lost.addEventListener("abort", this.#onLost, { once: true });
    if (link.lost.aborted) this.#onLost();
  }

  addLane(split: string, lane: AtomicLane): void {
    this.#lanes.set(split, lane);
  }

  /** What is being collected does not count: it can always be filled and cut. */
  get inFlight(): number {
    return this.backlog.outputs;
  }

  get hasRoom(): boolean {
    return this.backlog.hasRoom;
  }

  room(): Promise<void> {
    return this.backlog.room();
  }

  begin(batch: RecordBatch): number {
    this.#assertSound();
    this.#lane = this.#lanes.get(batch.split);
    if (this.#lane !== undefined) return this.#lane.begin(batch);
    throw undeclaredSplit(batch);
  }

  add(
    subject: string,
    payload: Uint8Array,
    headers: Uint8Array | undefined,
    position: SourcePosition,
    index: number,
  ): void {
    this.#assertSound();
    this.#lane?.add(subject, payload, headers, position, index);
  }

  end({ end }: RecordBatch): void {
    this.#lane?.end(end);
  }

  async delivered({ checkpointId }: Pick<Barrier, "checkpointId">): Promise<void> {
    this.#assertSound();
    await Promise.all([...this.#lanes.values()].map((lane) => lane.delivered(checkpointId)));
  }

  /** Ends publishing for good; every wait rejects with the error. */
  fail(reason: unknown): void {
    const error = toConnectorError(reason);
    this.backlog.fail(error);
    this.#options.stop.abort(error);
    for (const lane of this.#lanes.values()) lane.fail(this.backlog.failure ?? error);
  }

  close(): void {
    this.#stopListening();
    this.#options.link.lost.removeEventListener("abort", this.#onLost);
    this.fail(new ConnectorError("CLOSED", `the sink into stream "${this.#options.stream}" is closed`));
  }

  readonly #onLost = (): void => {
    this.fail(fromClientError(this.#options.link.lost.reason, `publish to stream "${this.#options.stream}"`));
  };

  #assertSound(): void {
    if (this.backlog.failure !== undefined) throw this.backlog.failure;
  }

  #refused(error: ConnectorError): void {
    if (error.code !== "PERMISSION_DENIED" || error.context.operation !== "publish") return;
    const subject = String(error.context.subject);
    if (!this.#options.ownsSubject(subject)) return;
    const { stream } = this.#options;
    const text = `this user may not publish to "${subject}"`;
    this.fail(new ConnectorError("PERMISSION_DENIED", text, { cause: error, context: { subject, stream } }));
  }
}

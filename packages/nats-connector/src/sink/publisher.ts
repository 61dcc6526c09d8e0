import type { Barrier, ConnectorError, RecordBatch, SourcePosition } from "@x/connector-api";

/**
 * Takes encoded messages over and answers for their delivery. The ways to publish (with acks, with flushes, with
 * neither, in transactions) differ here and nowhere else.
 */
export interface Publisher {
  /** Ask before each `add`; false means: wait for `room()`. */
  readonly hasRoom: boolean;
  /** Messages added and not confirmed yet; undefined where nobody counts them. */
  readonly inFlight?: number;
  /** Resolves when there is room; rejects once the publisher has failed. */
  room(): Promise<void>;
  /** The rows of a batch follow. Returns how many at its start are in the stream already, and are not to be added. */
  begin?(batch: RecordBatch): number;
  /**
   * Never waits. The message is of the `index`th row of the input at `position`. The bytes belong to the publisher until
   * they are confirmed. Throws the error it has failed with.
   */
  add(
    subject: string,
    payload: Uint8Array,
    headers: Uint8Array | undefined,
    position: SourcePosition,
    index: number,
  ): void;
  /** Every row of the batch was added or refused: its input is handled up to its end. */
  end?(batch: RecordBatch): void;
  /** Resolves when all messages added before the call are delivered as promised; rejects when they never will be. */
  delivered(barrier: Barrier): Promise<void>;
  /** Ends publishing for good: every wait of now and later rejects with the error. The first one counts. */
  fail(error: ConnectorError): void;
  /** Stops at once; waits reject with CLOSED. Idempotent. */
  close(): void;
}

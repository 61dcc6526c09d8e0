import type { ConnectorError } from "@x/connector-api";

/**
 * Takes encoded messages over and answers for their delivery. The three ways to publish (with acks, with flushes, with
 * neither) differ here and nowhere else.
 */
export interface Publisher {
  /** Ask before each `add`; false means: wait for `room()`. */
  readonly hasRoom: boolean;
  /** Resolves when there is room; rejects once the publisher has failed. */
  room(): Promise<void>;
  /** Never waits. The bytes belong to the publisher until they are confirmed. Throws the error it has failed with. */
  add(subject: string, payload: Uint8Array, headers: Uint8Array | undefined): void;
  /** Resolves when all messages added before the call are delivered as promised; rejects when they never will be. */
  delivered(): Promise<void>;
  /** Ends publishing for good: every wait of now and later rejects with the error. The first one counts. */
  fail(error: ConnectorError): void;
  /** Stops at once; waits reject with CLOSED. Idempotent. */
  close(): void;
}

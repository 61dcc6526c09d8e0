/**
 * JetStream as both clients offer it, as far as the baselines use it: `nats` 2 and `@nats-io/*` 3 differ in how one gets
 * there, not in what they do.
 */
export interface Session {
  readonly js: {
    publish(subject: string, payload: Uint8Array, options?: { msgID: string }): Promise<unknown>;
  };
  /** A new durable consumer of a stream that acks each message, as the client's documentation shows it. */
  openConsumer(stream: string, name: string): Promise<JsConsumer>;
  deleteConsumer(stream: string, name: string): Promise<void>;
  close(): Promise<void>;
}

export interface JsConsumer {
  consume(options?: { max_messages: number }): Promise<AsyncIterable<JsMessage> & { stop(): void }>;
  next(): Promise<JsMessage | null>;
}

export interface JsMessage {
  readonly data: Uint8Array;
  readonly seq: number;
  ack(): void;
  json<T>(): T;
}

export type OpenSession = (servers: string) => Promise<Session>;

/** Makes a consumer per turn, outside the timed work, and removes the one before. */
export function createConsumers(session: Session, stream: string) {
  let last: string | undefined;
  return async (turn: number): Promise<JsConsumer> => {
    // A lane may have made the stream anew: the consumer went with it.
    if (last !== undefined) await session.deleteConsumer(stream, last).catch(() => {});
    last = `bench-${process.pid}-${turn}`;
    return session.openConsumer(stream, last);
  };
}

/**
 * The port: the part of a NATS client that this package uses. A structural interface that connections of `nats` 2.29
 * and of `@nats-io/*` 3 both satisfy as they are, so a user may hand in an open connection of either.
 * No other file of this package names a client type, and only `open-connection.ts` dials.
 */

/** Headers of a received message. */
export interface NatsHeaders extends Iterable<[string, string[]]> {
  /** Status code of a message the server made (100, 404, 408, 409, 503 …); 0 otherwise. */
  readonly code: number;
  /** Text of the status. */
  readonly description: string;
  get(name: string): string;
  has(name: string): boolean;
}

export interface NatsMessage {
  readonly subject: string;
  readonly data: Uint8Array;
  readonly reply?: string | undefined;
  readonly headers?: NatsHeaders | undefined;
  /** Bytes of subject, reply, headers and payload, without parsing any of them. Messages of both clients have it. */
  size?(): number;
}

/**
 * Headers ready for the wire (`NATS/1.0\r\nName: value\r\n\r\n`). Both clients call only `encode()` of the headers they
 * are given to publish, once per message, so bytes made at start can be sent a million times.
 */
export interface EncodedHeaders {
  encode(): Uint8Array;
}

export interface NatsPublishOptions {
  readonly reply?: string;
  /** An {@link EncodedHeaders}; typed loosely because both clients declare their own class here and use only `encode()`. */
  readonly headers?: object;
}

export interface NatsSubscription {
  unsubscribe(max?: number): void;
  drain(): Promise<void>;
  isClosed(): boolean;
}

export interface NatsStatus {
  readonly type: string;
  readonly data?: unknown;
}

/** Ends when the connection is closed, or by `stop`, which those of both clients have. */
export interface NatsStatuses extends AsyncIterable<NatsStatus> {
  stop?(): void;
}

/** What the server says of itself at connect; both clients keep it current over reconnects. */
export interface NatsServerInfo {
  readonly version: string;
  readonly max_payload: number;
  readonly server_name?: string;
  readonly domain?: string;
  /** Name of the cluster; absent on a server that stands alone. */
  readonly cluster?: string;
}

export interface NatsClient {
  readonly info?: NatsServerInfo;
  /** Queues a message; throws only for a message over `max_payload` and for a closed connection. */
  publish(subject: string, payload?: Uint8Array, options?: NatsPublishOptions): void;
  /** `callback` must never throw: an exception ends the client's reader and with it the connection. */
  subscribe(
    subject: string,
    options: { queue?: string; max?: number; callback: (error: Error | null, message: NatsMessage) => void },
  ): NatsSubscription;
  /** `headers` is as in {@link NatsPublishOptions}. */
  request(subject: string, payload?: Uint8Array, options?: { timeout: number; headers?: object }): Promise<NatsMessage>;
  /** A round trip. Says nothing about messages queued before a disconnect: see the connection epoch. */
  flush(): Promise<void>;
  /** Events: "disconnect", "reconnect", "error", "update", … One iterator per call. */
  status(): NatsStatuses;
  getServer(): string;
  reconnect(): Promise<void>;
  close(): Promise<void>;
  /** Resolves when the connection is closed for good, with the error that closed it. */
  closed(): Promise<unknown>;
  isClosed(): boolean;
}

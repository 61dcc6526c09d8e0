import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { ConnectorError, isConnectorError, type OperatorContext } from "@x/connector-api";
import { type ConnectionOptions, connect } from "nats";
import { abortable, createJetStreamApi, type JetStreamApi } from "./jetstream/api.js";
import type { NatsClient } from "./nats-client.js";
import { fromClientError } from "./nats-errors.js";
import { type LinkListeners, watchLink } from "./watch-link.js";

/** Everything needed to dial, with variables resolved and secrets behind functions. */
export interface DialOptions {
  readonly servers: readonly string[];
  /** Called by the client at every dial. Structural: an authenticator of either client. */
  readonly authenticator?: ((nonce?: string) => object) | undefined;
  readonly tls?: object | undefined;
  /** The whole start-up budget. */
  readonly connectTimeoutMs: number;
  /** How long a lost connection is retried; undefined for ever. */
  readonly reconnectTimeoutMs?: number | undefined;
  /** How long refused credentials are retried after a good start. */
  readonly authRetryWindowMs: number;
  readonly inboxPrefix: string;
  readonly domain?: string | undefined;
  readonly name: string;
  /** An open connection of the user's: nothing is dialled, and it is never closed here. */
  readonly client?: NatsClient | undefined;
}

/** What an operator needs of its context to connect. */
export type LinkContext = Pick<OperatorContext, "signal" | "logger" | "counters">;

/**
 * A connection that lives as long as its operator and survives its server. Reconnecting is the client's work; what it
 * means for data under way is the operator's: see `epoch`.
 */
export interface OpenConnection extends AsyncDisposable {
  readonly client: NatsClient;
  readonly api: JetStreamApi;
  /** JetStream domain the API is asked for. */
  readonly domain: string | undefined;
  readonly connected: boolean;
  /** Grows by one with every disconnect: what was sent or on its way under an older epoch may be lost. */
  readonly epoch: number;
  /** Aborted when the connection is given up for good, with a ConnectorError as reason. */
  readonly lost: AbortSignal;
  /** Resolves when connected, at once if so; rejects with the reason of `lost`, or ABORTED. */
  whenConnected(signal?: AbortSignal): Promise<void>;
  /** Listens until the returned function is called. Listeners must not throw. */
  listen(listeners: LinkListeners): () => void;
  /** A fresh subject under the configured inbox prefix, for one subscription. */
  newInbox(): string;
  /** Closes what it dialled. Idempotent. */
  close(): Promise<void>;
}

const RETRY_MS = 250;
const SINGLE_DIAL_MS = 5000;

/**
 * Connects within `connectTimeoutMs`: an unreachable server is retried, a refusal of the credentials is final at once.
 * Rejects with CONNECT_FAILED, AUTH_FAILED, TLS_FAILED or ABORTED.
 */
export async function openConnection(options: DialOptions, context: LinkContext): Promise<OpenConnection> {
  const owns = options.client === undefined;
  const outage: Outage = { since: undefined };
  const client = options.client ?? (await dial(options, context.signal, outage));
  if (client.isClosed()) throw new ConnectorError("CLOSED", "the connection handed in is closed");
  const link = watchLink(client, options, context);
  link.listen({
    disconnected: () => {
      outage.since = Date.now();
    },
    reconnected: () => {
      outage.since = undefined;
    },
  });
  const close = async (): Promise<void> => {
    link.stop();
    if (owns && !client.isClosed()) await client.close().catch(() => {});
  };
  return {
    client,
    api: createJetStreamApi(client, { domain: options.domain }),
    domain: options.domain,
    get connected() {
      return link.connected;
    },
    get epoch() {
      return link.epoch;
    },
    lost: link.lost,
    whenConnected: (signal) => link.whenConnected(signal),
    listen: (listeners) => link.listen(listeners),
    newInbox: () => `${options.inboxPrefix}.${randomUUID().replaceAll("-", "")}`,
    close,
    [Symbol.asyncDispose]: close,
  };
}

async function dial(options: DialOptions, signal: AbortSignal, outage: Outage): Promise<NatsClient> {
  const deadline = Date.now() + options.connectTimeoutMs;
  const action = `connect to ${options.servers.join(", ")}`;
  for (;;) {
    const leftMs = deadline - Date.now();
    const attempt = connect(clientOptions(options, Math.max(1, Math.min(leftMs, SINGLE_DIAL_MS)), outage));
    try {
      return await abortable(attempt, signal);
    } catch (error) {
      // Stopped while dialling: what comes up later is not wanted any more.
      if (signal.aborted) attempt.then((late) => late.close()).catch(() => {});
      const coded = fromClientError(error, action, { servers: options.servers });
      if (isFinal(coded)) throw coded;
      if (Date.now() + RETRY_MS >= deadline) throw unreachable(options, coded);
    }
    await abortable(sleep(RETRY_MS), signal);
  }
}

/** Anything but "nobody there" and "no answer" stays wrong however often it is tried. */
function isFinal(error: ConnectorError): boolean {
  return isConnectorError(error) && error.retry !== "backoff";
}

function unreachable(options: DialOptions, cause: ConnectorError): ConnectorError {
  const hint =
    cause.code === "SERVER_UNAVAILABLE"
      ? "; a server that wants tls.handshake_first or a client certificate also looks like this"
      : "";
  return new ConnectorError(
    "CONNECT_FAILED",
    `cannot reach ${options.servers.join(", ")} within ${options.connectTimeoutMs} ms${hint}`,
    { cause, context: { servers: options.servers } },
  );
}

function clientOptions(options: DialOptions, timeout: number, outage: Outage): ConnectionOptions {
  const client: ConnectionOptions = {
    servers: [...options.servers],
    name: options.name,
    inboxPrefix: options.inboxPrefix,
    timeout,
    maxReconnectAttempts: -1,
    // Refused credentials are retried here, within authRetryWindowMs, not given up at the second refusal.
    ignoreAuthErrorAbort: true,
    pingInterval: 10_000,
    maxPingOut: 2,
    // The client's own resolver asks DNS only and passes over /etc/hosts.
    resolve: false,
    reconnectDelayHandler: reconnectDelay(outage),
    noAsyncTraces: true,
  };
  if (options.authenticator !== undefined) {
    client.authenticator = options.authenticator as NonNullable<ConnectionOptions["authenticator"]>;
  }
  if (options.tls !== undefined) client.tls = options.tls as NonNullable<ConnectionOptions["tls"]>;
  return client;
}

/** When the present outage began; undefined while connected. */
interface Outage {
  since: number | undefined;
}

/**
 * 250 ms at first, 2 s in a long outage, with jitter. By the length of the outage, not by the number of calls: the
 * client asks several times per attempt.
 */
function reconnectDelay(outage: Outage): () => number {
  return () => {
    const downMs = outage.since === undefined ? 0 : Date.now() - outage.since;
    return Math.min(2000, Math.max(RETRY_MS, downMs / 2)) * (0.75 + Math.random() * 0.5);
  };
}

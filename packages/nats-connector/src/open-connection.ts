import { setTimeout as sleep } from "node:timers/promises";
import { abortable, ConnectorError, isConnectorError, type OperatorContext } from "@x/connector-api";
import { type ConnectionOptions, connect } from "nats";
import { type HeldClient, holdClient } from "./client-hold.js";
import { type DialTls, diagnoseTls } from "./diagnose-tls.js";
import type { JetStreamApi } from "./jetstream/api.js";
import type { NatsClient } from "./nats-client.js";
import { fromClientError } from "./nats-errors.js";
import { renewCredentials } from "./renew-credentials.js";
import { type LinkListeners, watchLink } from "./watch-link.js";

/** Called by the client at every dial. Structural: an authenticator of either client, also without what is optional. */
export interface DialAuthenticator {
  (nonce?: string): object;
  /** The life of what the last call has sent, where that has an end. */
  lifetime?(): CredentialsLife | undefined;
  /** Fetches secrets anew, so that the next call sends them; resolves with their life. Never rejects. */
  refresh?(): Promise<CredentialsLife | undefined>;
}

interface CredentialsLife {
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
}

/** Everything needed to dial, with variables resolved and secrets behind functions. */
export interface DialOptions {
  readonly servers: readonly string[];
  readonly authenticator?: DialAuthenticator | undefined;
  /** The client's `tls` option. */
  readonly tls?: DialTls | undefined;
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
export type LinkContext = Pick<OperatorContext, "signal" | "logger" | "counters" | "onEvent">;

/**
 * An operator's hold of a connection, which lives at least as long as the operator and survives its server. Others may
 * hold the same client. Reconnecting is the client's work; what it means for data under way is the operator's: see
 * `epoch`.
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
  /**
   * A checkpoint has just been completed: a good moment to renew credentials that near their end, which reconnects.
   * Never rejects.
   */
  boundary(): Promise<void>;
  /** Lets go of the client, which is closed when nobody else holds it and it was dialled here. Idempotent. */
  close(): Promise<void>;
}

/** A client that is connected, or was handed in. */
export interface OpenClient extends HeldClient {
  /** Its credentials have an end: it is reconnected at boundaries to renew them. */
  readonly renews: boolean;
  /** Closes what was dialled. Idempotent. */
  close(): Promise<void>;
}

const RETRY_MS = 250;
const SINGLE_DIAL_MS = 5000;
const LOOK_MS = 1000;

/** {@link openClient} for one operator alone. */
export async function openConnection(options: DialOptions, context: LinkContext): Promise<OpenConnection> {
  const opened = await openClient(options, context.signal);
  return holdClient(opened, context, options.domain, () => opened.close());
}

/**
 * Connects within `connectTimeoutMs`: an unreachable server is retried, a refusal of the credentials is final at once.
 * Rejects with CONNECT_FAILED, AUTH_FAILED, TLS_FAILED or ABORTED.
 */
export async function openClient(options: Dialling, signal: AbortSignal): Promise<OpenClient> {
  const { authenticator, servers, inboxPrefix } = options;
  const owns = options.client === undefined;
  const outage: Outage = { since: undefined };
  const client = options.client ?? (await dial(options, signal, outage));
  if (client.isClosed()) throw new ConnectorError("CLOSED", "the connection handed in is closed");
  const link = watchLink(client, options);
  link.listen({
    disconnected: () => {
      outage.since = Date.now();
    },
    reconnected: () => {
      outage.since = undefined;
    },
  });
  let renewal: Promise<void> | undefined;
  return {
    ...{ client, link, servers, inboxPrefix, pipelines: new Map() },
    get renews() {
      return owns && authenticator?.lifetime?.() !== undefined;
    },
    async boundary() {
      if (!owns || authenticator === undefined || !link.connected || link.lost.aborted) return;
      renewal ??= renewCredentials(client, authenticator).finally(() => {
        renewal = undefined;
      });
      await renewal;
    },
    async close() {
      link.stop();
      if (owns && !client.isClosed()) await client.close().catch(() => {});
    },
  };
}

type Dialling = Omit<DialOptions, "domain">;

async function dial(options: Dialling, signal: AbortSignal, outage: Outage): Promise<NatsClient> {
  const deadline = Date.now() + options.connectTimeoutMs;
  const action = `connect to ${options.servers.join(", ")}`;
  for (;;) {
    const leftMs = deadline - Date.now();
    const attempt = connect(clientOptions(options, dialMs(leftMs), outage));
    try {
      return await abortable(attempt, signal);
    } catch (error) {
      // Stopped while dialling: what comes up later is not wanted any more.
      if (signal.aborted) attempt.then((late) => late.close()).catch(() => {});
      const coded = fromClientError(error, action, { servers: options.servers });
      if (isFinal(coded)) throw coded;
      await failOnTls(options, action, coded, deadline, signal);
      if (Date.now() + RETRY_MS >= deadline) throw unreachable(options, coded);
    }
    await abortable(sleep(RETRY_MS), signal);
  }
}

/** Anything but "nobody there" and "no answer" stays wrong however often it is tried. */
function isFinal(error: ConnectorError): boolean {
  return isConnectorError(error) && error.retry !== "backoff";
}

/** A part of what is left, so that there is time to find out why a dial was not answered. */
function dialMs(leftMs: number): number {
  return Math.max(1, Math.min(SINGLE_DIAL_MS, leftMs, Math.max(500, leftMs * 0.6)));
}

/** What is no answer at all may be a TLS mismatch, which no retry cures. */
async function failOnTls(
  options: Dialling,
  action: string,
  cause: ConnectorError,
  deadline: number,
  signal: AbortSignal,
): Promise<void> {
  const lookMs = Math.min(LOOK_MS, (deadline - Date.now()) / 2);
  if (lookMs < 50) return;
  const looks = options.servers.map((server) => diagnoseTls(server, options.tls, lookMs));
  const found = await abortable(Promise.all(looks), signal);
  const finding = found.find((each) => each !== undefined);
  // With several servers another one may answer yet.
  if (finding === undefined || found.includes(undefined)) return;
  throw new ConnectorError("TLS_FAILED", `cannot ${action}: ${finding}`, { cause });
}

/** Nobody there within the budget; `cause` is what the last dial ended with. */
export function unreachable(
  options: Pick<DialOptions, "servers" | "connectTimeoutMs">,
  cause?: ConnectorError,
): ConnectorError {
  const hint =
    cause === undefined || cause.code === "CONNECT_FAILED"
      ? ""
      : "; it accepts connections but does not answer: it may be overloaded, or no NATS server";
  return new ConnectorError(
    "CONNECT_FAILED",
    `cannot reach ${options.servers.join(", ")} within ${options.connectTimeoutMs} ms${hint}`,
    { cause, context: { servers: options.servers } },
  );
}

function clientOptions(options: Dialling, timeout: number, outage: Outage): ConnectionOptions {
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
    reconnectDelayHandler: reconnectDelay(outage, options.authenticator),
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

const REFRESH_MS = 1000;

/**
 * 250 ms at first, 2 s in a long outage, with jitter. By the length of the outage, not by the number of calls: the
 * client asks several times per attempt. Meanwhile the secrets of the next attempt are fetched.
 */
function reconnectDelay(outage: Outage, authenticator: DialAuthenticator | undefined): () => number {
  let refreshedAt = 0;
  return () => {
    if (outage.since !== undefined && Date.now() - refreshedAt >= REFRESH_MS) {
      refreshedAt = Date.now();
      authenticator?.refresh?.().catch(() => {});
    }
    const downMs = outage.since === undefined ? 0 : Date.now() - outage.since;
    return Math.min(2000, Math.max(RETRY_MS, downMs / 2)) * (0.75 + Math.random() * 0.5);
  };
}

import { setTimeout as sleep } from "node:timers/promises";
import { abortable, ConnectorError, isConnectorError } from "@x/connector-api";
import { type ConnectionOptions, connect } from "nats";
import { type HeldClient, holdClient } from "./client-hold.js";
import type { LinkContext, OpenConnection } from "./connection.js";
import { diagnoseTls } from "./diagnose-tls.js";
import type { DialAuthenticator, DialOptions } from "./dial-options.js";
import type { NatsClient } from "./nats-client.js";
import { fromClientError } from "./nats-errors.js";
import { renewCredentials } from "./renew-credentials.js";
import { watchLink } from "./watch-link.js";

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

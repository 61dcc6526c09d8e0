import { abortable, ConnectorError, type ErrorCode } from "@x/connector-api";
import { type ConnectionEvent, connectionChannel } from "./diagnostics.js";
import type { DialOptions } from "./dial-options.js";
import type { NatsClient, NatsStatus } from "./nats-client.js";
import { fromClientError } from "./nats-errors.js";

/** What happens to a connection; each may be left out. Called one at a time, soon after the event. */
export interface LinkListeners {
  disconnected?(): void;
  reconnected?(): void;
  /** An error the server sent on its own account: a refused subject, for example. */
  refused?(error: ConnectorError): void;
}

/** The state of one client, whoever uses it. */
export interface Link {
  readonly connected: boolean;
  readonly epoch: number;
  readonly lost: AbortSignal;
  whenConnected(signal?: AbortSignal): Promise<void>;
  listen(listeners: LinkListeners): () => void;
  stop(): void;
}

type Limits = Pick<DialOptions, "reconnectTimeoutMs" | "authRetryWindowMs" | "servers" | "name">;

/** Follows the status events of a client and decides when its connection is lost for good. */
export function watchLink(client: NatsClient, limits: Limits): Link {
  const listeners = new Set<LinkListeners>();
  const waiting = new Set<() => void>();
  const lost = new AbortController();
  let connected = true;
  let epoch = 0;
  let stopped = false;
  let reconnectTimer: NodeJS.Timeout | undefined;
  let authTimer: NodeJS.Timeout | undefined;

  const giveUp = (reason: ConnectorError): void => {
    if (stopped || lost.signal.aborted) return;
    clearTimers();
    report("given-up", reason.code);
    lost.abort(reason);
    for (const wake of waiting) wake();
  };
  const clearTimers = (): void => {
    clearTimeout(reconnectTimer);
    clearTimeout(authTimer);
    reconnectTimer = undefined;
    authTimer = undefined;
  };
  const servers = limits.servers.join(", ");
  const report = (state: ConnectionEvent["state"], code?: ErrorCode): void => {
    if (!connectionChannel.hasSubscribers) return;
    connectionChannel.publish({ name: limits.name, servers: limits.servers, state, code } satisfies ConnectionEvent);
  };
  report("open");

  const onDisconnect = (): void => {
    if (!connected) return;
    connected = false;
    epoch += 1;
    report("lost");
    if (limits.reconnectTimeoutMs !== undefined) {
      const text = `no connection to ${servers} for ${limits.reconnectTimeoutMs} ms (reconnect_timeout)`;
      reconnectTimer = setTimeout(
        () => giveUp(new ConnectorError("CONNECTION_LOST", text, { retry: "never" })),
        limits.reconnectTimeoutMs,
      );
      reconnectTimer.unref();
    }
    for (const each of listeners) each.disconnected?.();
  };
  const onReconnect = (): void => {
    clearTimers();
    if (connected) return;
    connected = true;
    report("back");
    for (const each of listeners) each.reconnected?.();
    for (const wake of waiting) wake();
  };
  const onError = (status: NatsStatus): void => {
    const error = fromClientError(errorOf(status), `go on with ${servers}`);
    if (error.code === "AUTH_FAILED" || error.code === "AUTH_EXPIRED") {
      authTimer ??= setTimeout(
        () =>
          giveUp(
            new ConnectorError("AUTH_FAILED", `${error.message} for ${limits.authRetryWindowMs} ms`, { cause: error }),
          ),
        limits.authRetryWindowMs,
      ).unref();
    }
    report("refused", error.code);
    for (const each of listeners) each.refused?.(error);
  };

  const statuses = client.status();
  const follow = async (): Promise<void> => {
    for await (const status of statuses) {
      if (stopped) return;
      if (status.type === "disconnect") onDisconnect();
      else if (status.type === "reconnect") onReconnect();
      else if (status.type === "error") onError(status);
    }
  };
  follow().catch((error: unknown) => giveUp(fromClientError(error, `go on with ${servers}`)));
  client
    .closed()
    .then((error) => {
      const cause = error instanceof Error ? error : undefined;
      giveUp(
        new ConnectorError("CONNECTION_LOST", `the connection to ${servers} was closed`, { cause, retry: "never" }),
      );
    })
    .catch(() => {});

  return {
    get connected() {
      return connected;
    },
    get epoch() {
      return epoch;
    },
    lost: lost.signal,
    async whenConnected(signal) {
      while (!connected || lost.signal.aborted) {
        if (lost.signal.aborted) throw lost.signal.reason;
        let wake = (): void => {};
        const change = new Promise<void>((resolve) => {
          wake = resolve;
        });
        waiting.add(wake);
        try {
          await abortable(change, signal);
        } finally {
          waiting.delete(wake);
        }
      }
    },
    listen(given) {
      listeners.add(given);
      return () => listeners.delete(given);
    },
    stop() {
      stopped = true;
      clearTimers();
      listeners.clear();
      // A client that was handed in lives on, and would keep this loop.
      statuses.stop?.();
    },
  };
}

/** v2 puts a code in `data` and the subject beside it; v3 an Error in `error`. */
function errorOf(status: NatsStatus): unknown {
  const facts = status as { data?: unknown; error?: unknown; permissionContext?: unknown };
  if (facts.error !== undefined) return facts.error;
  return { code: facts.data, message: `error ${String(facts.data)}`, permissionContext: facts.permissionContext };
}

import { randomBytes } from "node:crypto";
import type { OperatorCounters } from "@x/connector-api";
import type { LinkContext, OpenConnection } from "./connection.js";
import { createJetStreamApi } from "./jetstream/create-jetstream-api.js";
import type { NatsClient } from "./nats-client.js";
import type { Link } from "./watch-link.js";

/** A client and its state, and what all who hold it have in common. */
export interface HeldClient {
  readonly client: NatsClient;
  readonly link: Link;
  readonly servers: readonly string[];
  readonly inboxPrefix: string;
  /** Who is told of what happens to it, each once, however many of its operators hold the client. */
  readonly pipelines: Map<OperatorCounters, ToldPipeline>;
  /** See {@link OpenConnection}. */
  boundary(): Promise<void>;
}

interface ToldPipeline {
  holds: number;
  readonly stop: () => void;
}

/** Nobody can guess 96 bits, and every publish and every acknowledgement carries them. */
const INBOX_BYTES = 12;

/** One operator's view of a client. Closing it takes its listeners away and calls `release`, once. */
export function holdClient(
  held: HeldClient,
  context: LinkContext,
  domain: string | undefined,
  release: () => Promise<void>,
): OpenConnection {
  const { client, link, inboxPrefix } = held;
  // The client may outlive this operator many times over: what listens here must not stay behind at the link.
  const lost = new AbortController();
  const onLost = (): void => lost.abort(link.lost.reason);
  link.lost.addEventListener("abort", onLost, { once: true });
  if (link.lost.aborted) onLost();
  const listening = new Set([tellPipeline(held, context)]);
  const listen: OpenConnection["listen"] = (listeners) => {
    const stop = link.listen(listeners);
    const forget = (): void => {
      listening.delete(forget);
      stop();
    };
    listening.add(forget);
    return forget;
  };
  // A server within the domain knows its subjects by their short names, and refuses those.
  const denials = new Map<string, unknown>();
  if (domain !== undefined) {
    listen({ refused: ({ context, cause }) => void denials.set(String(context.subject), cause) });
  }
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closing ??= (async () => {
      link.lost.removeEventListener("abort", onLost);
      for (const stop of listening) stop();
      await release();
    })();
    return closing;
  };
  return {
    client,
    api: createJetStreamApi(client, { domain, denial: (subject) => denials.get(subject) }),
    domain,
    get connected() {
      return link.connected;
    },
    get epoch() {
      return link.epoch;
    },
    lost: lost.signal,
    whenConnected: (signal) => link.whenConnected(signal),
    listen,
    newInbox: () => `${inboxPrefix}._${randomBytes(INBOX_BYTES).toString("base64url")}`,
    boundary: () => held.boundary(),
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** Counts, logs and tells what happens to the client: once for a pipeline, whose operators share their counters. */
function tellPipeline(held: HeldClient, context: LinkContext): () => void {
  const { pipelines } = held;
  const told = pipelines.get(context.counters) ?? { holds: 0, stop: startTelling(held, context) };
  pipelines.set(context.counters, told);
  told.holds += 1;
  return () => {
    told.holds -= 1;
    if (told.holds > 0) return;
    pipelines.delete(context.counters);
    told.stop();
  };
}

function startTelling({ client, link, servers }: HeldClient, { counters, logger, onEvent }: LinkContext): () => void {
  if (!link.connected) countAway(counters, 1);
  const unlisten = link.listen({
    disconnected() {
      countAway(counters, 1);
      logger.warn({ servers }, "connection lost, reconnecting");
      onEvent?.({ type: "disconnect" });
    },
    reconnected() {
      countAway(counters, -1);
      counters.reconnects += 1;
      logger.info({ server: client.getServer() }, "reconnected");
      onEvent?.({ type: "reconnect" });
    },
    refused(error) {
      // A refused subject is said by who needs it: some can do without, and others may share the connection.
      const level = error.code === "PERMISSION_DENIED" ? "debug" : "warn";
      logger[level]({ code: error.code, ...error.context }, error.message);
    },
  });
  return () => {
    unlisten();
    if (!link.connected) countAway(counters, -1);
  };
}

/** Keeps the gauges of lost connections, which all connections of a pipeline share. */
function countAway(counters: OperatorCounters, change: 1 | -1): void {
  counters.away += change;
  if (counters.away === 0) counters.awaySince = undefined;
  else counters.awaySince ??= Date.now();
}

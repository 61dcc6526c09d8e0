import type { NatsMessage } from "../nats-client.js";

/** What a status message on the inbox of a pull means for the loop. */
export type PullStatus =
  /** Alive; `lastConsumer` is the number of the last message delivered. */
  | { readonly kind: "heartbeat"; readonly lastConsumer: number | undefined }
  /** A pull ended with so many messages undelivered; undefined when the server does not say. */
  | { readonly kind: "ended"; readonly undelivered: number | undefined }
  /** The leader moved: all pulls are gone. */
  | { readonly kind: "reset" }
  | { readonly kind: "too-large"; readonly undelivered: number | undefined }
  /** The consumer is gone. */
  | { readonly kind: "gone" }
  /** No consumer or no leader at the moment, or another client is served. */
  | { readonly kind: "unavailable" }
  /** The server will never take this pull. */
  | { readonly kind: "refused"; readonly description: string };

/**
 * Statuses have a number that says little and a text that is part of the protocol (nats-server `consumer.go`), so here,
 * and only here, the text counts.
 */
export function readStatus(message: NatsMessage): PullStatus {
  const headers = message.headers;
  const code = headers?.code ?? 0;
  const description = headers?.description ?? "";
  const undelivered = numberOf(headers?.get("Nats-Pending-Messages"));
  switch (code) {
    case 100:
      return { kind: "heartbeat", lastConsumer: numberOf(headers?.get("Nats-Last-Consumer")) };
    case 404:
    case 408:
      return { kind: "ended", undelivered };
    // A pull for a client that is no longer the pinned one (ADR-42). Ours name none, so another one, or another consumer, may be served.
    case 423:
    case 503:
      return { kind: "unavailable" };
    case 409:
      if (/leadership change|server shutdown/i.test(description)) return { kind: "reset" };
      if (/consumer deleted|consumer not found/i.test(description)) return { kind: "gone" };
      if (/message size exceeds/i.test(description)) return { kind: "too-large", undelivered };
      if (/batch completed/i.test(description)) return { kind: "ended", undelivered };
      return { kind: "refused", description };
    default:
      return { kind: "refused", description: `${code} ${description}` };
  }
}

function numberOf(text: string | undefined): number | undefined {
  return text === undefined || text === "" ? undefined : Number(text);
}

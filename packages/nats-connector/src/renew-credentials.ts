import type { DialAuthenticator } from "./dial-options.js";
import type { NatsClient } from "./nats-client.js";

/** Part of a credential's life after which it is renewed at the next boundary. */
const RENEW_AT = 0.8;
const FLUSH_MS = 1000;

/**
 * Renews credentials that near their end: at a moment the caller chooses, rather than when the server ends the
 * connection. Reconnects only when there is something newer to send; until then each boundary looks again. What was
 * sent before reaches the server first. Never rejects.
 */
export async function renewCredentials(client: NatsClient, authenticator: DialAuthenticator): Promise<void> {
  const sent = authenticator.lifetime?.();
  if (sent === undefined || authenticator.refresh === undefined) return;
  if (Date.now() < sent.issuedAtMs + RENEW_AT * (sent.expiresAtMs - sent.issuedAtMs)) return;
  const next = await authenticator.refresh();
  if (next !== undefined && next.expiresAtMs <= sent.expiresAtMs) return;
  const flushed = client.flush().catch(() => {});
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, FLUSH_MS);
  });
  await Promise.race([flushed, late]);
  clearTimeout(timer);
  await client.reconnect().catch(() => {});
}

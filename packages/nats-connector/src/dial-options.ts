import type { DialTls } from "./diagnose-tls.js";
import type { NatsClient } from "./nats-client.js";

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

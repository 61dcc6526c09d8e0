import type { AuthContext, Authenticator, AuthReply, Lifetime } from "./auth-strategy.js";
import { createSecretReader, tell } from "./secret-reader.js";
import type { SecretSource } from "./secret-source.js";

/** How a strategy answers, given its secrets. */
export interface Answering<Name extends string, Credentials> {
  readonly sources: { readonly [name in Name]: SecretSource };
  /** Checks and combines the secrets. They are always of one reading; throws OPTION_INVALID, never with a secret. */
  derive(secrets: { readonly [name in Name]: string }): Credentials;
  /** Never throws. */
  reply(credentials: Credentials, nonce: string | undefined): AuthReply;
  /** When the credentials carry their own end. */
  lifetimeOf?(credentials: Credentials): Lifetime | undefined;
}

/**
 * The common part of every strategy: reads all secrets once, where an error is thrown, and again with each reply, where
 * an error is reported and the last good credentials are used as a whole: half a rotation never goes to the server.
 */
export async function openAuthenticator<Name extends string, Credentials>(
  { environment, report }: AuthContext,
  answering: Answering<Name, Credentials>,
): Promise<Authenticator> {
  const { sources, derive, reply, lifetimeOf } = answering;
  const names = Object.keys(sources) as Name[];
  const readers = names.map((name) => createSecretReader(sources[name], environment, report));
  for (const reader of readers) await reader.fetch();
  const readAll = (renew: boolean): Credentials => {
    const read = names.map((name, i) => [name, readers[i]?.read(renew) ?? ""] as const);
    return derive(Object.fromEntries(read) as { readonly [name in Name]: string });
  };
  let good = readAll(false);
  const current = (renew: boolean): Credentials => {
    try {
      good = readAll(renew);
    } catch (error) {
      tell(report, error);
    }
    return good;
  };
  let sent: Credentials | undefined;
  const authenticator = (nonce?: string): AuthReply => {
    sent = current(true);
    return reply(sent, nonce);
  };
  const lifetime = (): Lifetime | undefined => (sent === undefined ? undefined : lifetimeOf?.(sent));
  const refresh = async (): Promise<Lifetime | undefined> => {
    await Promise.all(readers.map((reader) => reader.fetch().catch((error: unknown) => tell(report, error))));
    return lifetimeOf?.(current(false));
  };
  return Object.assign(authenticator, { refresh, lifetime });
}

import type { ConnectorError, Environment, OperatorContext } from "@x/connector-api";
import type { LinkContext, OpenConnection } from "./connection.js";
import { type ConnectionConfig, resolveServers } from "./connection-config.js";
import { ConnectionPool, type PoolRequest } from "./connection-pool.js";
import type { Dialler } from "./connection-test/test-session.js";
import type { DialTls } from "./diagnose-tls.js";
import type { DialAuthenticator } from "./dial-options.js";
import type { NatsClient } from "./nats-client.js";
import { openClient, unreachable } from "./open-connection.js";

export interface ProfileConnectionsOptions {
  readonly environment: Environment;
  /** An open connection to use instead of dialling. */
  readonly client: NatsClient | undefined;
  openAuthenticator(stored: object, report: (error: ConnectorError) => void): Promise<DialAuthenticator>;
  /** Stored TLS with its variables resolved; undefined for none. */
  resolveTls(stored: object | undefined): DialTls | undefined;
}

/** How the operators of one connector get from profiles to connections. */
export interface ProfileConnections {
  /** A hold of the client that all equal profiles share. `name` is the client's where the profile has none. */
  open(profile: ConnectionConfig, name: string, context: LinkContext): Promise<OpenConnection>;
  /** A client for this opening alone. */
  openOwn(profile: ConnectionConfig, name: string, context: LinkContext): Promise<OpenConnection>;
  /** For what looks at a server and goes again: each time a client of its own. */
  dialler(profile: ConnectionConfig): Dialler;
}

export function createProfileConnections(options: ProfileConnectionsOptions): ProfileConnections {
  const { environment, client, openAuthenticator, resolveTls } = options;
  const pool = new ConnectionPool();

  const requestOf = (profile: ConnectionConfig, name: string, context: LinkContext): PoolRequest => {
    const { jetstreamDomain: domain, auth, tls, ...rest } = profile;
    const { servers, wantsTls } = resolveServers(profile.servers, environment);
    const stored = auth.reveal();
    const { connectTimeoutMs } = rest;
    return {
      domain,
      connectTimeoutMs,
      profile: client === undefined ? { ...rest, servers, wantsTls, tls, stored } : { client },
      unreachable: () => unreachable({ servers, connectTimeoutMs }),
      async dial(signal, budgetMs) {
        const report = (error: ConnectorError): void => context.logger.warn({ code: error.code }, error.message);
        const dialling = {
          ...{ ...rest, servers, client, connectTimeoutMs: budgetMs },
          authenticator: await openAuthenticator(stored, report),
          tls: resolveTls(tls) ?? (wantsTls ? {} : undefined),
          name: profile.connectionName ?? name,
        };
        return openClient(dialling, signal);
      },
    };
  };
  const openOwn: ProfileConnections["openOwn"] = async (profile, name, context) =>
    pool.openOwn(requestOf(profile, name, context), context);

  return {
    open: async (profile, name, context) => pool.open(requestOf(profile, name, context), context),
    openOwn,
    dialler: (profile) => ({
      servers: () => (client === undefined ? resolveServers(profile.servers, environment).servers : undefined),
      connectTimeoutMs: profile.connectTimeoutMs,
      connect: (context: OperatorContext) => openOwn(profile, context.identity.pipeline, context),
    }),
  };
}

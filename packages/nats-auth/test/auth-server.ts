import { type NatsServer, startNatsServer } from "@x/nats-testkit";
import { type ConnectionOptions, connect } from "nats";
import type { Authenticator } from "../src/index.ts";
import type { AuthOptions, AuthTestConnection, AuthTestServer } from "../src/testing/index.ts";

/** What a server accepts: its configuration, and the options that go with it. */
export interface Identity {
  readonly config: string;
  readonly options: AuthOptions;
}

/** A server whose configuration is replaced by `rotated`, then by `refusing`, while it runs. */
export async function startAuthServer(first: Identity, rotated: Identity, refusing: string): Promise<AuthTestServer> {
  const server = await startNatsServer({ jetstream: false, config: first.config });
  return {
    options: first.options,
    connect: (authenticator) => connectTo(server, authenticator),
    restart: () => server.restart(),
    async rotate() {
      await server.reload(rotated.config);
      return rotated.options;
    },
    refuse: () => server.reload(refusing),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

async function connectTo({ port }: NatsServer, authenticator: Authenticator): Promise<AuthTestConnection> {
  // Structural fit is part of the test: the authenticator goes to the client without a cast.
  const options: ConnectionOptions = {
    port,
    authenticator,
    reconnectTimeWait: 50,
    timeout: 5000,
    maxReconnectAttempts: -1,
    ignoreAuthErrorAbort: true,
  };
  const connection = await connect(options);
  return {
    flush: () => connection.flush(),
    async reconnected() {
      for await (const status of connection.status()) if (status.type === "reconnect") return;
    },
    close: () => connection.close(),
  };
}

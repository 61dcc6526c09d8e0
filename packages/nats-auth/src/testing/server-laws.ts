import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ConnectorError } from "@x/connector-api";
import { expect, test } from "vitest";
import type { AuthContext, Authenticator, AuthStrategy } from "../auth-strategy.js";

/** Values by option name, without `auth.type`. */
export type AuthOptions = Readonly<Record<string, string>>;

/** A connection of any client, opened with the authenticator under test. */
export interface AuthTestConnection {
  /** A round trip. */
  flush(): Promise<void>;
  /** Resolves after the next reconnect from now on. */
  reconnected(): Promise<void>;
  close(): Promise<void>;
}

/** A real server that asks for this strategy's credentials. */
export interface AuthTestServer extends AsyncDisposable {
  /** What it accepts at first. */
  readonly options: AuthOptions;
  /** Retries refused credentials while reconnecting, for ever. Rejects when the first attempt is refused. */
  connect(authenticator: Authenticator): Promise<AuthTestConnection>;
  restart(): Promise<void>;
  /** Drops connections: from now on it accepts what this returns, and nothing else. */
  rotate(): Promise<AuthOptions>;
  /** Drops connections and accepts no credentials of this strategy's test any more. */
  refuse(): Promise<void>;
}

/** The part of the suite that needs a server. `store` is the way from options to the stored form. */
export function testWithServer<Config extends { readonly type: string }>(
  strategy: AuthStrategy<Config>,
  startServer: () => Promise<AuthTestServer>,
  folder: string,
  store: (given: Record<string, unknown>) => unknown,
): void {
  const open = (given: Record<string, unknown>, report: AuthContext["report"] = () => {}): Promise<Authenticator> =>
    strategy.open(strategy.parse(store(given)), { environment: {}, report });
  const write = (options: AuthOptions): Record<string, string> => {
    const files: Record<string, string> = {};
    for (const [name, value] of Object.entries(options)) {
      files[`${name}_file`] = join(folder, `server-${name}`);
      writeFileSync(files[`${name}_file`] as string, value);
    }
    return files;
  };

  test("connects, and again after the server was restarted", async () => {
    await using server = await startServer();
    const connection = await server.connect(await open(server.options));
    await connection.flush();
    const back = connection.reconnected();
    await server.restart();
    await back;
    await connection.flush();
    await connection.close();
  }, 30_000);

  test("outlives a rotation of its files, and of an async function", async () => {
    await using server = await startServer();
    let current: AuthOptions = server.options;
    const given = Object.fromEntries(Object.keys(current).map((name) => [name, async () => current[name]]));
    const reports: ConnectorError[] = [];
    const connections = [
      await server.connect(await open(write(current), (error) => void reports.push(error))),
      await server.connect(await open(given, (error) => void reports.push(error))),
    ];
    const back = connections.map((connection) => connection.reconnected());
    current = await server.rotate();
    write(current);
    await Promise.all(back);
    for (const connection of connections) {
      await connection.flush();
      await connection.close();
    }
    // Half a rotation may have been read and passed over; a credential in full never is.
    for (const { code } of reports) expect(code).toBe("OPTION_INVALID");
  }, 30_000);

  test("is refused when the server does not know it", async () => {
    await using server = await startServer();
    const authenticator = await open(server.options);
    await server.refuse();
    await expect(server.connect(authenticator)).rejects.toThrow(/authorization violation/i);
  }, 30_000);
}

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ConnectorOptions } from "@x/connector-api";
import { createJwtOperator, startNatsServer } from "@x/nats-testkit";
import { type ConnectionOptions, connect, type NatsConnection } from "nats";
import { afterAll, describe, expect, test } from "vitest";
import { type Authenticator, authFromOptions, openAuth, parseAuth } from "../src/index.ts";

const folder = mkdtempSync(join(tmpdir(), "nats-auth-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function open(auth: object): Promise<Authenticator> {
  const stored = authFromOptions(ConnectorOptions.fromObject({ auth }));
  return openAuth(parseAuth(JSON.parse(JSON.stringify(stored))), { environment: {}, report: () => {} });
}

/** Structural fit is part of the test: the authenticator goes to the client without a cast. */
async function connectWith(port: number, authenticator: Authenticator): Promise<NatsConnection> {
  const options: ConnectionOptions = {
    port,
    authenticator,
    reconnectTimeWait: 50,
    timeout: 5000,
    ignoreAuthErrorAbort: true,
  };
  return connect(options);
}

async function reconnected(connection: NatsConnection): Promise<void> {
  for await (const status of connection.status()) if (status.type === "reconnect") return;
}

describe("against a real server", () => {
  test("jwt: signs the nonce, and goes on when the JWT expires and its file has a new one", async () => {
    const operator = createJwtOperator();
    await using server = await startNatsServer({ config: operator.config() });
    const user = operator.account.issueUser({ expiresInSeconds: 2 });
    const { jwt, seed } = user;
    const jwtFile = join(folder, "user.jwt");
    writeFileSync(jwtFile, jwt);
    const connection = await connectWith(server.port, await open({ type: "jwt", jwtFile, nkeySeed: seed }));
    await connection.jetstreamManager();
    const back = reconnected(connection);
    writeFileSync(jwtFile, operator.account.issueUser({ user }).jwt);
    await back;
    await (await connection.jetstreamManager()).getAccountInfo();
    await connection.close();
    const stranger = createJwtOperator().account.issueUser();
    await expect(
      connectWith(server.port, await open({ type: "jwt", jwt: stranger.jwt, nkeySeed: stranger.seed })),
    ).rejects.toMatchObject({ code: "AUTHORIZATION_VIOLATION" });
  });
});

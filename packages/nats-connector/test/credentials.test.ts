import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createCounters, defineSchema, type Logger, silentLogger } from "@x/connector-api";
import { openAuth, parseAuth } from "@x/nats-auth";
import { createJwtOperator, startNatsServer } from "@x/nats-testkit";
import { afterAll, describe, expect, test } from "vitest";
import type { OpenConnection } from "../src/connection.js";
import type { DialAuthenticator } from "../src/dial-options.js";
import { openSink, openSource } from "../src/index.js";
import { openConnection } from "../src/open-connection.js";

const folder = mkdtempSync(join(tmpdir(), "nats-credentials-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

async function open(url: string, auth: object, authRetryWindowMs = 60_000): Promise<Opened> {
  const warnings: string[] = [];
  const logger: Logger = { ...silentLogger, warn: (...said: unknown[]) => void warnings.push(JSON.stringify(said)) };
  const report = (error: Error): void => void warnings.push(error.message);
  const authenticator = await openAuth(parseAuth(auth), { environment: {}, report });
  const counters = createCounters();
  const limits = { connectTimeoutMs: 3000, authRetryWindowMs, inboxPrefix: "_INBOX", name: "credentials" };
  const context = { signal: new AbortController().signal, logger, counters };
  const servers = [url.replace("nats://", "")];
  const connection = await openConnection(
    { servers, authenticator: authenticator as DialAuthenticator, ...limits },
    context,
  );
  return { connection, warnings, counters };
}

interface Opened {
  readonly connection: OpenConnection;
  readonly warnings: string[];
  readonly counters: { readonly reconnects: number };
}

const password = (text: string): string => `authorization { user: app, password: "${text}" }`;

describe("after a good start", () => {
  test("a changed password is retried, and its file read again", async () => {
    await using server = await startNatsServer({ jetstream: false, config: password("one-secret") });
    const passwordFile = file("password", "one-secret");
    const { connection, warnings } = await open(server.url, { type: "credentials", username: "app", passwordFile });
    await server.reload(password("two-secret"));
    await expect.poll(() => warnings.join("\n")).toContain("AUTH_FAILED");
    expect(connection.lost.aborted).toBe(false);
    writeFileSync(passwordFile, "two-secret");
    await connection.whenConnected(AbortSignal.timeout(5000));
    await connection.client.flush();
    expect(warnings.join("\n")).not.toContain("secret");
    await connection.close();
  });

  test("a reader that throws does not close the connection", async () => {
    await using server = await startNatsServer({ jetstream: false, config: password("one-secret") });
    let fails = false;
    const read = (): string => {
      if (fails) throw new Error("vault is down, one-secret");
      return "one-secret";
    };
    const { connection, warnings } = await open(server.url, { type: "credentials", username: "app", password: read });
    fails = true;
    await server.restart();
    await expect.poll(() => connection.epoch).toBe(1);
    await connection.whenConnected(AbortSignal.timeout(5000));
    await connection.client.flush();
    expect(warnings.join("\n")).toContain('"auth.password": the function that supplies it has failed');
    expect(warnings.join("\n")).not.toContain("one-secret");
    await connection.close();
  });

  test("what stays refused ends the connection after auth.retry_window, as AUTH_FAILED", async () => {
    const operator = createJwtOperator();
    await using server = await startNatsServer({ jetstream: false, config: operator.config() });
    const user = operator.account.issueUser();
    const { connection } = await open(server.url, { type: "creds", creds: user.creds }, 700);
    operator.account.revoke(user);
    await server.reload(operator.config());
    const startedAt = Date.now();
    await expect.poll(() => connection.lost.aborted).toBe(true);
    expect(Date.now() - startedAt).toBeGreaterThan(500);
    expect(connection.lost.reason).toMatchObject({ code: "AUTH_FAILED", exitCode: 3 });
    expect(connection.lost.reason.message).toMatch(/refuses these credentials.* for 700 ms/);
    await connection.close();
  });

  test("an expired JWT is refused for the window, too", async () => {
    const operator = createJwtOperator();
    await using server = await startNatsServer({ jetstream: false, config: operator.config() });
    const user = operator.account.issueUser({ expiresInSeconds: 2 });
    const { connection } = await open(server.url, { type: "creds", creds: user.creds }, 500);
    await expect.poll(() => connection.lost.aborted).toBe(true);
    expect(connection.lost.reason).toMatchObject({ code: "AUTH_FAILED", exitCode: 3 });
    await connection.close();
  });
});

describe("renewal", () => {
  test("happens at a boundary late in the JWT's life, once there is a newer one, before the server ends it", {
    retry: 2,
    timeout: 60_000,
  }, async () => {
    const operator = createJwtOperator();
    await using server = await startNatsServer({ jetstream: false, config: operator.config() });
    const user = operator.account.issueUser({ expiresInSeconds: 12 });
    const credsFile = file("app.creds", user.creds);
    const { connection, warnings, counters } = await open(server.url, { type: "creds", credsFile });
    await connection.boundary();
    expect(connection.epoch).toBe(0);
    await new Promise((resolve) => setTimeout(resolve, 9700));
    await connection.boundary();
    expect(connection.epoch, "nothing newer to send").toBe(0);
    writeFileSync(credsFile, operator.account.issueUser({ user, expiresInSeconds: 60 }).creds);
    await connection.boundary();
    await expect.poll(() => counters.reconnects).toBe(1);
    await new Promise((resolve) => setTimeout(resolve, 3000));
    await connection.boundary();
    expect(connection.epoch).toBe(1);
    expect(warnings.join("\n")).not.toContain("AUTH_EXPIRED");
    await connection.close();
  });

  test("happens at the commits of a Core source, too", { retry: 2, timeout: 60_000 }, async () => {
    const operator = createJwtOperator();
    await using server = await startNatsServer({ jetstream: false, config: operator.config() });
    const user = operator.account.issueUser();
    const creds = (): string => operator.account.issueUser({ user, expiresInSeconds: 3 }).creds;
    const warnings: string[] = [];
    const logger: Logger = { ...silentLogger, warn: (facts) => void warnings.push(JSON.stringify(facts)) };
    const table = { subject: "talk", format: "raw_string", schema: defineSchema({ value: "TEXT" }) };
    const auth = { type: "creds", creds };
    await using source = await openSource({ ...table, servers: server.url, auth, logger });
    await using sink = await openSink({ ...table, servers: server.url, auth: { type: "creds", creds: user.creds } });
    const talking = setInterval(() => void sink.write([{ value: "x" }]).then(() => sink.flush()), 50);
    for await (const batch of source.batches()) {
      await batch.commit();
      if (source.counters.reconnects === 2) break;
    }
    clearInterval(talking);
    expect(warnings.join("\n")).not.toContain("AUTH_");
  });

  test("takes an async function's answer that was fetched ahead", async () => {
    const operator = createJwtOperator();
    await using server = await startNatsServer({ jetstream: false, config: operator.config() });
    let user = operator.account.issueUser({ expiresInSeconds: 1 });
    const creds = async (): Promise<string> => {
      user = operator.account.issueUser({ user, expiresInSeconds: 2 });
      return user.creds;
    };
    const { connection, counters } = await open(server.url, { type: "creds", creds });
    await expect.poll(() => counters.reconnects, { timeout: 15_000 }).toBeGreaterThan(2);
    expect(connection.lost.aborted).toBe(false);
    await connection.close();
  });
});

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createCounters, defineSchema, isConnectorError, silentLogger } from "@x/connector-api";
import { type Certificate, createCertificateAuthority, startNatsServer } from "@x/nats-testkit";
import { afterAll, expect, test } from "vitest";
import type { OpenConnection } from "../src/connection.js";
import type { DialOptions } from "../src/dial-options.js";
import { openSink } from "../src/index.js";
import { openConnection } from "../src/open-connection.js";

const folder = mkdtempSync(join(tmpdir(), "nats-tls-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let files = 0;
function write(text: string): string {
  const path = join(folder, `${files++}.pem`);
  writeFileSync(path, text);
  return path;
}

const authority = createCertificateAuthority();
const stranger = createCertificateAuthority("another authority");
const caFile = write(authority.cert);
const client = authority.issue({ name: "client" });
const certFile = write(client.cert);
const keyFile = write(client.key);

function tlsBlock({ cert, key }: Certificate, more = ""): string {
  return `tls { cert_file: "${write(cert)}", key_file: "${write(key)}", ${more} }`;
}
const verify = `verify: true, ca_file: "${caFile}"`;
const good = authority.issue();

function open(servers: string, tls: DialOptions["tls"], connectTimeoutMs = 3000): Promise<OpenConnection> {
  const context = { signal: new AbortController().signal, logger: silentLogger, counters: createCounters() };
  const limits = { connectTimeoutMs, authRetryWindowMs: 1000, inboxPrefix: "_INBOX", name: "tls" };
  return openConnection({ servers: [servers], tls, ...limits }, context);
}

async function failure(connecting: Promise<OpenConnection>): Promise<{ code: string; message: string }> {
  try {
    await (await connecting).close();
  } catch (error) {
    if (isConnectorError(error)) return error;
    throw error;
  }
  throw new Error("it connected");
}

test.each<[string, string, DialOptions["tls"]]>([
  ["an authority of one's own", tlsBlock(good), { caFile }],
  ["a client certificate", tlsBlock(good, verify), { caFile, certFile, keyFile }],
  ["a server name", tlsBlock(authority.issue({ hosts: ["nats.example"] })), { caFile, servername: "nats.example" }],
  ["TLS first", tlsBlock(good, "handshake_first: true"), { caFile, handshakeFirst: true }],
  [
    "TLS first with a client certificate",
    tlsBlock(good, `handshake_first: true, ${verify}`),
    { caFile, handshakeFirst: true, certFile, keyFile },
  ],
])("connects with %s", async (_, config, tls) => {
  await using server = await startTlsServer(config);
  await using connection = await open(`127.0.0.1:${server.port}`, tls);
  await connection.client.flush();
});

test("enters as the user that its client certificate names, and as nobody with another one", async () => {
  const users = 'authorization { users: [{ user: "CN=client" }] }';
  const mapped = `verify_and_map: true, ca_file: "${caFile}"`;
  await using server = await startTlsServer(`${tlsBlock(good, mapped)}\n${users}`);
  await using connection = await open(`127.0.0.1:${server.port}`, { caFile, certFile, keyFile });
  await connection.client.flush();
  const other = authority.issue({ name: "somebody else" });
  const tls = { caFile, certFile: write(other.cert), keyFile: write(other.key) };
  const error = await failure(open(`127.0.0.1:${server.port}`, tls));
  expect(error).toMatchObject({ code: "AUTH_FAILED", message: expect.stringContaining("refuses these credentials") });
});

test("dials with TLS for tls:// alone", async () => {
  await using plain = await startTlsServer("");
  await using secure = await startTlsServer(tlsBlock(good));
  const options = { subject: "s", format: "raw_string", schema: defineSchema({ value: "TEXT" }), connectTimeout: "3s" };
  const sink = await openSink({ ...options, servers: secure.url.replace("nats://", "tls://"), tls: { caFile } });
  await sink.close();
  for (const [server, message] of [
    [secure, /authority that is not known here/],
    [plain, /the server does not offer TLS, which tls:\/\/ or a tls\.… option asks for/],
  ] as const) {
    const servers = server.url.replace("nats://", "tls://");
    await expect(openSink({ ...options, servers })).rejects.toThrow(message);
  }
});

const past = { notAfter: new Date(Date.now() - 60_000) };
const strange = stranger.issue();
const old = authority.issue(past);

test.each<[string, string, (DialOptions["tls"] & Record<string, unknown>) | undefined, RegExp]>([
  ["an unknown authority", tlsBlock(strange), { caFile }, /authority that is not known here; give .* tls\.ca_file/],
  ["no ca_file at all", tlsBlock(good), undefined, /authority that is not known here; give .* tls\.ca_file/],
  ["an expired certificate", tlsBlock(authority.issue(past)), { caFile }, /certificate has expired/],
  ["another name", tlsBlock(authority.issue({ hosts: ["nats.example"] })), { caFile }, /tls\.server_name/],
  ["a missing client certificate", tlsBlock(good, verify), { caFile }, /give tls\.cert_file and tls\.key_file/],
  [
    "a missing client certificate, TLS first",
    tlsBlock(good, `handshake_first: true, ${verify}`),
    { caFile, handshakeFirst: true },
    /give tls\.cert_file and tls\.key_file/,
  ],
  [
    "an expired client certificate",
    tlsBlock(good, verify),
    { caFile, certFile: write(old.cert), keyFile: write(old.key) },
    /not to accept tls\.cert_file: it may have expired/,
  ],
  [
    "a client certificate of another authority",
    tlsBlock(good, verify),
    { caFile, certFile: write(strange.cert), keyFile: write(strange.key) },
    /not to accept tls\.cert_file.*authority the server does not know/,
  ],
  [
    "TLS first on the server only",
    tlsBlock(good, "handshake_first: true"),
    { caFile },
    /set tls\.handshake_first = true/,
  ],
  ["TLS first here only", tlsBlock(good), { caFile, handshakeFirst: true }, /handshake_first/],
  ["a plain-text server", "", { caFile }, /does not offer TLS/],
  ["a plain-text server, TLS first", "", { caFile, handshakeFirst: true }, /handshake_first/],
  ["a CA file that is not there", tlsBlock(good), { caFile: join(folder, "absent.pem") }, /absent\.pem/],
])("says what is wrong with %s", { retry: 2 }, async (_, config, tls, message) => {
  await using server = await startTlsServer(config);
  const startedAt = Date.now();
  const error = await failure(open(`127.0.0.1:${server.port}`, tls));
  expect(error.message).toMatch(message);
  expect(error.code).toBe("TLS_FAILED");
  expect(Date.now() - startedAt).toBeLessThan(4500);
});

test("reads its files again at each dial", async () => {
  const certFile = write(client.cert);
  const keyFile = write(client.key);
  await using server = await startTlsServer(tlsBlock(good, verify));
  await using connection = await open(`127.0.0.1:${server.port}`, { caFile, certFile, keyFile });
  const renewed = authority.issue({ name: "renewed" });
  // The old one would be refused from now on: an empty file cannot be read as a certificate.
  writeFileSync(certFile, "");
  await server.restart();
  await expect.poll(() => connection.connected).toBe(false);
  writeFileSync(certFile, renewed.cert);
  writeFileSync(keyFile, renewed.key);
  await connection.whenConnected(AbortSignal.timeout(60_000));
  await connection.client.flush();
});

test("a server that accepts and says nothing is unreachable, not a matter of TLS", async () => {
  await using server = await startTlsServer("");
  server.pause();
  const error = await failure(open(`127.0.0.1:${server.port}`, undefined, 1500));
  expect(error).toMatchObject({ code: "CONNECT_FAILED", message: expect.stringContaining("does not answer") });
});

function startTlsServer(config: string): ReturnType<typeof startNatsServer> {
  return startNatsServer({ jetstream: false, config, tlsFirst: config.includes("handshake_first") });
}

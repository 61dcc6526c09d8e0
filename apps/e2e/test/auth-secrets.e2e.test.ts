import { execFileSync } from "node:child_process";
import { rmSync } from "node:fs";
import { createCertificateAuthority, createJwtOperator, type NatsServer, startNatsServer } from "@x/nats-testkit";
import { createUser } from "nkeys.js";
import { afterAll, beforeAll, expect, test } from "vitest";
import { expectNoSecrets } from "../src/expect-no-secrets.js";
import { pipelineSql } from "../src/pipeline-sql.js";
import { runCli, startCli } from "../src/run-cli.js";
import { runHere } from "../src/run-here.js";
import { openStreams } from "../src/streams.js";
import { openWorkFolder } from "../src/work-folder.js";

/** Everything that could be printed: the secrets of every mode, of a registry, of an address, of a header. */
const jwtUser = createJwtOperator().account.issueUser();
const strangerSeed = new TextDecoder().decode(createUser().getSeed());
const secret = {
  password: "pa$$w0rd-of-the-application",
  token: "t0ken-that-nobody-guesses",
  jwt: jwtUser.jwt,
  seed: jwtUser.seed,
  strangerSeed,
  brokenSeed: `${strangerSeed.slice(0, -4)}AAAA`,
  brokenJwt: `eyJhbGciOiJub25lIn0.${Buffer.from("no-claims-at-all").toString("base64url")}.c2lnbmF0dXJl`,
  creds: jwtUser.creds,
  registry: "registry-passw0rd-4711",
  bearer: "bearer-t0ken-of-the-registry",
  address: "secret-in-the-address",
  header: "Bearer-in-a-header-0815",
};
const secrets = Object.values(secret);

const folder = openWorkFolder();
let server: NatsServer;
let secured: NatsServer;

beforeAll(async () => {
  // Nobody of this file may enter.
  server = await startNatsServer({ config: 'authorization { user: somebody, password: "else" }' });
  const { cert, key } = createCertificateAuthority().issue();
  const files = `cert_file: "${folder.write("cert", cert)}", key_file: "${folder.write("key", key)}"`;
  secured = await startNatsServer({ config: `tls { ${files} }\nauthorization { token: "else" }`, jetstream: false });
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await secured[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`;
const auth = (type: string, fields: Record<string, string>): string =>
  Object.entries(fields).reduce(
    (sql, [name, value]) => `${sql}, 'auth.${name}' = ${quoted(value)}`,
    `, 'auth.type' = '${type}'`,
  );

const kinds = {
  credentials: auth("credentials", { username: "app", password: secret.password }),
  token: auth("token", { token: secret.token }),
  nkey: auth("nkey", { nkey_seed: secret.strangerSeed }),
  jwt: auth("jwt", { jwt: secret.jwt, nkey_seed: secret.seed }),
  creds: auth("creds", { creds: secret.creds }),
};
const registry = `, 'json.confluent_schema_registry' = true, 'schema_registry.endpoint' = 'http://127.0.0.1:1', 'schema_registry.subject' = 's', 'schema_registry.username' = 'u', 'schema_registry.password' = '${secret.registry}'`;
const files = (fields: Record<string, string>): Record<string, string> =>
  Object.fromEntries(Object.entries(fields).map(([name, text]) => [`${name}_file`, folder.write(name, text)]));

interface Case {
  readonly exitCode: number;
  readonly sql: string;
  readonly env?: Record<string, string>;
  readonly flags?: readonly string[];
  /** Ends the process. */
  readonly crashes?: boolean;
}

const down = { NATS_URL: "nats://127.0.0.1:1" };
const soon = ", connect_timeout = '300ms'";
const of = (options: string, more: Omit<Case, "sql"> = { exitCode: 2 }): Case => ({
  ...more,
  sql: pipelineSql({ source: options, sink: options }),
});
const replaced = (search: string, by: string, more: Omit<Case, "sql"> = { exitCode: 2 }): Case => ({
  ...more,
  sql: of(kinds.credentials).sql.replaceAll(search, () => by),
});

/** Each fails in another place: options, environment, files, SQL, profiles, plugins, dial, TLS, the server, a crash. */
const cases: Record<string, () => Case> = {
  // Refused by the server.
  ...Object.fromEntries(
    Object.entries(kinds).map(([kind, options]) => [`refused: ${kind}`, () => of(options, { exitCode: 3 })]),
  ),
  "refused: from variables": () =>
    of(auth("credentials", { username: "app", password: "{{ PW }}" }), { exitCode: 3, env: { PW: secret.password } }),
  "refused: from files": () => of(auth("jwt", files({ jwt: secret.jwt, nkey_seed: secret.seed })), { exitCode: 3 }),
  // A mistake beside each of them.
  ...Object.fromEntries(
    Object.entries(kinds).map(([kind, options]) => [
      `misspelt option beside ${kind}`,
      () => of(`${options}, strem = 'x'`),
    ]),
  ),
  "two kinds at once": () => of(`${kinds.token}, 'auth.password' = '${secret.password}'`),
  "two kinds and no type": () => of(`, 'auth.token' = '${secret.token}', 'auth.password' = '${secret.password}'`),
  "a secret twice": () => of(`${kinds.token}, 'auth.token' = '${secret.password}'`),
  "a secret and its file": () => of(`${kinds.token}, 'auth.token_file' = 'f'`),
  "a misspelt secret": () => of(`, 'auth.type' = 'credentials', 'auth.pasword' = '${secret.password}'`),
  "a part missing": () => of(`, 'auth.type' = 'credentials', 'auth.password' = '${secret.password}'`),
  "a half-written reference": () => of(auth("token", { token: `{{ ${secret.token}` })),
  "a seed of another": () => of(auth("jwt", { jwt: secret.jwt, nkey_seed: secret.strangerSeed })),
  "a broken seed": () => of(auth("nkey", { nkey_seed: secret.brokenSeed })),
  "a broken JWT": () => of(auth("jwt", { jwt: secret.brokenJwt, nkey_seed: secret.seed })),
  "half a creds text": () => of(auth("creds", { creds: secret.creds.slice(0, secret.creds.indexOf("***")) })),
  "creds that are a password": () => of(auth("creds", { creds: secret.password })),
  "a user in the address": () => of("", { exitCode: 2, env: { NATS_URL: `nats://app:${secret.address}@127.0.0.1` } }),
  "a user in an address on the line of a mistake": () =>
    replaced("'{{ NATS_URL }}'", `'nats://app:${secret.address}@127.0.0.1', strem = 'x'`),
  "a header beside a mistake": () => of(`, 'header.Authorization' = '${secret.header}', strem = 'x'`),
  "a registry that is not there": () => of(registry, { exitCode: 7 }),
  "a bearer token beside a mistake": () => of(`, 'schema_registry.bearer_token' = '${secret.bearer}', strem = 'x'`),
  // SQL that cannot be read.
  "no equals sign": () => replaced(`= '${secret.password}'`, `'${secret.password}'`),
  "a quote too few": () => replaced(`${secret.password}'`, secret.password),
  "a quote too many": () => replaced(secret.password, secret.password.replace("-", "'-")),
  "a bare secret": () => replaced(`'${secret.password}'`, secret.password, { exitCode: 3 }),
  "a bracket too few": () => ({ exitCode: 2, sql: pipelineSql({ source: kinds.creds }).replaceAll(");", ";") }),
  // Around it.
  "nobody there": () => of(kinds.credentials + soon, { exitCode: 7, env: down }),
  "an unknown authority": () => of(kinds.token, { exitCode: 3, env: { NATS_URL: secured.url } }),
  "a stream that is not there": () => replaced("'INPUT'", "'NOWHERE'", { exitCode: 3 }),
  "profiles that are no JSON": () => {
    const profiles = folder.write("profiles.json", `{"p": {"auth": {"type": "token", "token": "${secret.token}"`);
    return of("", { exitCode: 2, flags: ["--profiles", profiles] });
  },
  "a profile with a mistake": () => {
    const profile = { servers: "127.0.0.1", auth: { type: "token", token: secret.token, password: secret.password } };
    const profiles = folder.write("profiles2.json", JSON.stringify({ p: profile }));
    const more = { exitCode: 2, flags: ["--profiles", profiles] };
    return replaced(`servers = '{{ NATS_URL }}'`, "connection_profile = 'p'", more);
  },
  "an environment file": () => {
    const envFile = folder.write("env", `PW=${secret.password}\nNATS_URL=${server.url}\nnonsense ${secret.token}\n`);
    const options = auth("credentials", { username: "app", password: "{{ PW }}" });
    return of(options, { exitCode: 3, flags: ["--env-file", envFile] });
  },
  "a crash under way": () => {
    const plugin = folder.write(
      "crash.mjs",
      `setTimeout(() => { throw new Error("out of nowhere"); }, 300); export const auth = [];`,
    );
    return of(`${kinds.credentials}, connect_timeout = '5s'`, {
      exitCode: 1,
      env: down,
      flags: ["--plugin", plugin],
      crashes: true,
    });
  },
  "a rejection nobody handles": () => {
    const plugin = folder.write(
      "reject.mjs",
      `setTimeout(() => Promise.reject(new Error("late")), 300); export const auth = [];`,
    );
    return of(`${kinds.jwt}, connect_timeout = '5s'`, {
      exitCode: 1,
      env: down,
      flags: ["--plugin", plugin],
      crashes: true,
    });
  },
};

test.each(Object.keys(cases))("%s: no secret in any output", async (name) => {
  const { exitCode, sql, env, flags = [], crashes = false } = (cases[name] as () => Case)();
  const file = folder.write(`${name.replaceAll(/\W/g, "-")}.sql`, sql);
  for (const json of [["--json", "--log-level", "debug"], []]) {
    const variables = { NATS_URL: server.url, ...env };
    const lines = Object.entries(variables).map(([name, value]) => `${name}='${value}'\n`);
    const envFile = flags.includes("--env-file") ? [] : ["--env-file", folder.write("variables", lines.join(""))];
    const args = ["run", file, "--state", "memory:", "--until-caught-up", ...json, ...flags, ...envFile];
    const result = crashes ? await runCli(args, { cwd: folder.path, env: variables }) : await runHere(args);
    expectNoSecrets(result.stdout + result.stderr, secrets, `with ${json.length > 0 ? "--json" : "no flags"}`);
    expect(result.exitCode, result.stderr).toBe(exitCode);
    expect(result.stderr).toMatch(/: [A-Z_]+: /);
  }
});

test("while it runs, and in what ends it: no secret in output, title, arguments or state", async () => {
  const operator = createJwtOperator();
  await using own = await startNatsServer({ config: operator.config() });
  const [admin, user] = [operator.account.issueUser(), operator.account.issueUser()];
  const { credsAuthenticator } = await import("nats");
  await using streams = await openStreams(own.url, { authenticator: credsAuthenticator(Buffer.from(admin.creds)) });
  await streams.add("INPUT", "in.rows");
  await streams.add("OUTPUT", "out.rows");
  await streams.fill("in.rows", [{ n: 1 }]);
  const options = `${auth("creds", { creds: user.creds })}, 'auth.retry_window' = '500ms'`;
  const sql = folder.write("running.sql", pipelineSql({ source: options, sink: options }));
  const args = [
    "run",
    sql,
    "--json",
    "--log-level",
    "debug",
    "--checkpoint-interval",
    "100ms",
    "--state",
    "file:state",
  ];
  const running = startCli(args, { cwd: folder.path, env: { NATS_URL: own.url } });
  await expect.poll(() => streams.count("OUTPUT").catch(() => 0), { timeout: 20_000 }).toBe(1);
  const listed = execFileSync("ps", ["-o", "comm=,args=", "-p", String(running.child.pid)], { encoding: "utf8" });
  expect(listed).toContain("running.sql");
  operator.account.revoke(user);
  await own.reload(operator.config());
  const result = await running.finished;
  expect(result.exitCode, result.stderr).toBe(3);
  const state = execFileSync("grep", ["-r", "", "state"], { cwd: folder.path, encoding: "utf8" });
  expect(state).toContain("jobId");
  expectNoSecrets(listed + result.stdout + result.stderr + state, [user.creds, user.jwt, user.seed]);
  rmSync(`${folder.path}/state`, { recursive: true });
}, 40_000);

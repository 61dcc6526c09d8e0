import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, expect, test } from "vitest";
import { expectNoSecrets } from "../src/expect-no-secrets.js";
import { numberedRows, pipelineSql } from "../src/pipeline-sql.js";
import { startCli } from "../src/run-cli.js";
import { type AuthServer, startAuthServer } from "../src/servers/auth-server.js";
import { openStreams, type Streams } from "../src/streams.js";
import { openWorkFolder } from "../src/work-folder.js";

const folder = openWorkFolder();
afterAll(() => folder[Symbol.dispose]());

const CHUNK = 500;

/** Publishes numbered rows without a pause until `stop`, which resolves with how many the stream has taken. */
function load(streams: Streams): { total(): number; stop(): Promise<number> } {
  let total = 0;
  let going = true;
  const running = (async () => {
    while (going) {
      await streams.fill("in.rows", numberedRows(total + 1, total + CHUNK));
      total += CHUNK;
      await sleep(20);
    }
    return total;
  })();
  return {
    total: () => total,
    stop: () => {
      going = false;
      return running;
    },
  };
}

async function openBoth(server: AuthServer): Promise<Streams> {
  const streams = await openStreams(server.server.url, server.admin);
  await streams.add("INPUT", "in.rows");
  await streams.add("OUTPUT", "out.rows");
  return streams;
}

test.each([
  ["a changed password", "credentials"],
  ["another NKey", "nkey"],
  ["a revoked user, replaced by another one", "creds"],
])(
  "%s under load: retried, picked up from the file, exact output",
  async (_, mode) => {
    await using server = await startAuthServer(mode, folder);
    await using streams = await openBoth(server);
    const sink = `${server.options}, message_id = '{n}'`;
    const sql = folder.write(`${mode}.sql`, pipelineSql({ source: server.options, sink }));
    const args = ["run", sql, "--json", "--checkpoint-interval", "100ms", "--state", `file:${folder.path}/${mode}`];
    const running = startCli(args, { cwd: folder.path, env: { NATS_URL: server.server.url } });
    const rows = load(streams);
    const written = (): Promise<number> => streams.count("OUTPUT");
    await expect.poll(written, { timeout: 30_000 }).toBeGreaterThan(2000);
    await server.rotate();
    await expect.poll(running.stderr, { timeout: 20_000 }).toContain("AUTH_FAILED");
    const [refusedAt, readBefore] = [rows.total(), await written()];
    await expect.poll(rows.total, { timeout: 20_000 }).toBeGreaterThan(refusedAt + 2 * CHUNK);
    await server.publish();
    await expect.poll(written, { timeout: 30_000 }).toBeGreaterThan(readBefore + 2 * CHUNK);
    const total = await rows.stop();
    await expect.poll(written, { timeout: 30_000 }).toBe(total);
    running.child.kill("SIGTERM");
    const result = await running.finished;
    expect(result.exitCode, result.stderr).toBe(0);
    expect(await streams.rows("OUTPUT")).toEqual(numberedRows(1, total));
    // Source and sink share a connection.
    expect(result.pipelines[0]).toMatchObject({ gaps: 0, reconnects: 1 });
    expectNoSecrets(result.stdout + result.stderr, server.secrets);
  },
  90_000,
);

test("a revoked user that stays revoked is retried for auth.retry_window, then exit code 3 and nothing lost", async () => {
  await using server = await startAuthServer("jwt", folder);
  await using streams = await openBoth(server);
  const options = `${server.options}, 'auth.retry_window' = '1s'`;
  const sql = folder.write("revoked.sql", pipelineSql({ source: options, sink: `${options}, message_id = '{n}'` }));
  const args = ["run", sql, "--json", "--checkpoint-interval", "100ms", "--state", `file:${folder.path}/revoked`];
  const cli = { cwd: folder.path, env: { NATS_URL: server.server.url } };
  const running = startCli(args, cli);
  const rows = load(streams);
  await expect.poll(() => streams.count("OUTPUT"), { timeout: 30_000 }).toBeGreaterThan(1000);
  const revokedAt = Date.now();
  await server.rotate();
  const result = await running.finished;
  expect(Date.now() - revokedAt).toBeGreaterThan(1000);
  expect(result.exitCode, result.stderr).toBe(3);
  expect(result.stderr).toMatch(/: AUTH_FAILED: .*refuses these credentials.* for 1000 ms/);
  // The next run, as another user, goes on where this one stood.
  const total = await rows.stop();
  await server.publish();
  const again = await startCli([...args, "--until-caught-up"], cli).finished;
  expect(again.exitCode, again.stderr).toBe(0);
  expect(await streams.rows("OUTPUT")).toEqual(numberedRows(1, total));
  expectNoSecrets(result.stdout + result.stderr + again.stdout + again.stderr, server.secrets);
}, 90_000);

import { existsSync, readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startFaultProxy, startNatsServer } from "@x/nats-testkit";
import { expect, test } from "vitest";
import { numberedRows } from "../src/pipeline-sql.js";
import { runCli, startCli } from "../src/run-cli.js";
import { openStreams, type Streams } from "../src/streams.js";
import { openWorkFolder } from "../src/work-folder.js";

const copy = (policy: string, options: string): string => `
CREATE TABLE in_${policy} (n BIGINT) WITH (connector = 'nats', servers = '{{ NATS_URL }}', type = 'source',
  stream = 'INPUT', format = 'json', deliver_policy = '${policy}'${options});
CREATE TABLE out_${policy} (n BIGINT) WITH (connector = 'nats', servers = '{{ NATS_URL }}', type = 'sink',
  stream = 'OUT_${policy}', subject = 'out.${policy}', format = 'json');
INSERT INTO out_${policy} SELECT n FROM in_${policy};`;

const numbers = (from: number, to: number): number[] => numberedRows(from, to).map(({ n }) => n);
const rowsOf = async (streams: Streams, policy: string): Promise<number[]> =>
  (await streams.rows<{ n: number }>(`OUT_${policy}`)).map(({ n }) => n);

/** Names of the checkpoints in a state folder: `<epoch>-<checkpointId>.json`. */
function checkpointsIn(folder: string): string[] {
  if (!existsSync(folder)) return [];
  const files = readdirSync(folder, { recursive: true }).map((path) => basename(String(path)));
  return files.filter((name) => /^\d+-\d+\.json$/.test(name));
}

test("each deliver_policy, killed with -9 before the first checkpoint: the next run begins where the first did", async () => {
  using folder = openWorkFolder();
  await using server = await startNatsServer();
  await using streams = await openStreams(server.url);
  await streams.add("INPUT", "in.*");
  const fill = async (from: number, to: number): Promise<void> => {
    for (const row of numberedRows(from, to)) await streams.fill(`in.k${row.n % 3}`, [row]);
  };
  await fill(1, 40);
  await sleep(20);
  const startTime = new Date().toISOString();
  await sleep(20);
  await fill(41, 50);
  const expected = {
    all: numbers(1, 70),
    new: numbers(51, 70),
    last: numbers(50, 70),
    // The state of the first start is superseded by then.
    last_per_subject: numbers(51, 70),
    by_start_sequence: numbers(21, 70),
    by_start_time: numbers(41, 70),
  };
  const more: Record<string, string> = {
    by_start_sequence: ", start_sequence = 21",
    by_start_time: `, start_time = '${startTime}'`,
  };
  const policies = Object.keys(expected);
  for (const policy of policies) await streams.add(`OUT_${policy}`, `out.${policy}`);
  const file = folder.write("job.sql", policies.map((policy) => copy(policy, more[policy] ?? "")).join("\n"));
  const options = { env: { NATS_URL: server.url }, cwd: folder.path };

  const first = startCli(["run", file, "--checkpoint-interval", "1h"], options);
  const starts = (): string[] =>
    checkpointsIn(join(folder.path, ".nats-pipeline")).filter((name) => name === "1-0.json");
  await expect.poll(starts, { timeout: 60_000 }).toHaveLength(policies.length);
  await fill(51, 60);
  const counts = () => Promise.all(policies.map((policy) => streams.count(`OUT_${policy}`)));
  await expect.poll(async () => Math.min(...(await counts())), { timeout: 60_000 }).toBeGreaterThan(0);
  first.child.kill("SIGKILL");
  await first.finished;
  const written = await counts();

  await fill(61, 70);
  const second = await runCli(["run", file, "--until-caught-up"], options);
  expect(second.exitCode, second.stderr).toBe(0);
  for (const [i, policy] of policies.entries()) {
    const rows = await rowsOf(streams, policy);
    expect([policy, rows.slice(written[i])]).toEqual([policy, Object.values(expected)[i]]);
  }
});

test("last_per_subject, killed with -9 in the middle of its first pass: the state of every subject is written, and nothing superseded", async () => {
  using folder = openWorkFolder();
  await using server = await startNatsServer();
  await using streams = await openStreams(server.url);
  const keys = 2000;
  await streams.add("INPUT", "in.*");
  await streams.add("OUT_last_per_subject", "out.last_per_subject");
  // Each key twice: its state is the second one.
  const js = streams.connection.jetstream();
  for (const from of [1, keys + 1]) {
    await Promise.all(numbers(from, from + keys - 1).map((n) => js.publish(`in.k${n % keys}`, JSON.stringify({ n }))));
  }
  const file = folder.write("job.sql", copy("last_per_subject", ", 'rate_limit.messages_per_second' = 1000"));
  const args = ["run", file, "--checkpoint-interval", "50ms", "--state", `file:${join(folder.path, "state")}`];
  await using proxy = await startFaultProxy({ target: server.url });
  const hasCheckpoints = (): boolean =>
    checkpointsIn(join(folder.path, "state")).some((name) => !name.startsWith("1-0"));
  const first = startCli(args, { cwd: folder.path, env: { NATS_URL: proxy.url } });
  let published = 0;
  using _kill = proxy.intercept("toTarget", ({ subject }) => {
    if (subject !== "out.last_per_subject" || first.child.killed) return first.child.killed ? "drop" : "pass";
    if (++published > 300 && hasCheckpoints()) first.child.kill("SIGKILL");
    return "pass";
  });
  await first.finished;
  proxy.cut();
  const written = await streams.count("OUT_last_per_subject");
  expect(written).toBeLessThan(keys);

  // Of two keys a newer state comes meanwhile, of which one was written already.
  await streams.fill("in.k1", [{ n: 4001 }]);
  await streams.fill("in.k1999", [{ n: 4002 }, { n: 4003 }]);
  const second = await runCli([...args, "--until-caught-up"], { cwd: folder.path, env: { NATS_URL: server.url } });
  expect(second.exitCode, second.stderr).toBe(0);
  const rows = await rowsOf(streams, "last_per_subject");
  const once = [...new Set(rows)];
  const superseded = 2 * keys - 1;
  const states = numbers(keys + 1, 2 * keys).filter((n) => n !== superseded);
  expect(once).toEqual([...states, 4001, 4002, 4003]);
  expect(rows.length - once.length).toBeLessThan(written);
});

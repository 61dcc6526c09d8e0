import { findFreePort, startNatsServer } from "@x/nats-testkit";
import { expect, test } from "vitest";
import { numberedRows } from "../src/pipeline-sql.js";
import { startCli } from "../src/run-cli.js";
import { openStreams } from "../src/streams.js";
import { openWorkFolder } from "../src/work-folder.js";

const pipeline = (name: string): string => `
  CREATE TABLE from_${name} (n BIGINT NOT NULL)
  WITH (connector = 'nats', servers = '{{ NATS_URL }}', type = 'source', stream = 'FROM_${name}', format = 'json');
  CREATE TABLE to_${name} (n BIGINT NOT NULL)
  WITH (connector = 'nats', servers = '{{ NATS_URL }}', type = 'sink', stream = 'TO_${name}', subject = 'to.${name}', format = 'json');
  INSERT INTO to_${name} SELECT * FROM from_${name};`;

test("two pipelines of a process share one connection, and one fails without the other", async () => {
  using folder = openWorkFolder();
  const monitor = await findFreePort();
  await using server = await startNatsServer({ config: `http: "127.0.0.1:${monitor}"` });
  await using streams = await openStreams(server.url);
  for (const name of ["one", "two"]) {
    await streams.add(`FROM_${name}`, `from.${name}`);
    await streams.add(`TO_${name}`, `to.${name}`);
    await streams.fill(`from.${name}`, numberedRows(1, 1000));
  }
  const connections = async (): Promise<number> => {
    const answer = await fetch(`http://127.0.0.1:${monitor}/connz`);
    return ((await answer.json()) as { num_connections: number }).num_connections - 1;
  };
  const file = folder.write("jobs.sql", pipeline("one") + pipeline("two"));
  const args = ["run", file, "--json", "--state", "memory:", "--checkpoint-interval", "100ms"];
  const running = startCli(args, { env: { NATS_URL: server.url }, cwd: folder.path });
  for (const name of ["one", "two"]) {
    await expect.poll(() => streams.count(`TO_${name}`), { timeout: 30_000 }).toBe(1000);
  }
  expect(await connections()).toBe(1);

  await streams.fill("from.two", [{ n: "no number" }]);
  await expect.poll(running.stderr, { timeout: 20_000 }).toContain("BAD_DATA");
  await streams.fill("from.one", numberedRows(1001, 3000));
  await expect.poll(() => streams.count("TO_one"), { timeout: 20_000 }).toBe(3000);
  expect(await connections()).toBe(1);

  running.child.kill("SIGTERM");
  const { exitCode, pipelines, stderr } = await running.finished;
  expect(exitCode, stderr).toBe(6);
  expect(pipelines).toMatchObject([
    { name: "jobs-to_one", exitCode: 0, rowsOut: 3000, reconnects: 0 },
    { name: "jobs-to_two", exitCode: 6, rowsOut: 1000, reconnects: 0 },
  ]);
  await expect.poll(connections).toBe(0);
}, 60_000);

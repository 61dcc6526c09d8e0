import { startNatsServer } from "@x/nats-testkit";
import { expect, test } from "vitest";
import { runCli, startCli } from "../src/run-cli.js";
import { openStreams } from "../src/streams.js";
import { openWorkFolder } from "../src/work-folder.js";

const KILLS = 3;
/** More lines of one message than a transaction takes. */
const LINES = 2500;
const SQL = `CREATE TABLE input (n BIGINT)
WITH (connector = 'nats', servers = '{{ NATS_URL }}', type = 'source', stream = 'INPUT', format = 'json', framing = 'newline');
CREATE TABLE output (n BIGINT, id TEXT, at TEXT)
WITH (connector = 'nats', servers = '{{ NATS_URL }}', type = 'sink', stream = 'OUTPUT', subject = 'out.rows', format = 'json', delivery = 'exactly_once');
INSERT INTO output SELECT n, CAST(uuid() AS TEXT), CAST(now() AS TEXT) FROM input;
`;

test("exactly once with a volatile query: check says what is staged, and a killed process mixes no two runs of one input", async () => {
  using folder = openWorkFolder();
  await using server = await startNatsServer();
  await using streams = await openStreams(server.url);
  await streams.add("INPUT", "in.rows");
  await streams.add("OUTPUT", "out.>", { allow_atomic: true, allow_rollup_hdrs: true } as object);
  const options = { env: { NATS_URL: server.url }, cwd: folder.path };
  const file = folder.write("job.sql", SQL);

  const checked = await runCli(["check", file], options);
  expect(checked.exitCode, checked.stdout).toBe(0);
  expect(checked.stdout).toMatch(/999, or 8 MiB\) is staged on the progress subject.*\[exactly-once-query\]/);
  const explained = await runCli(["explain", file], options);
  expect(explained.stdout).toContain("is staged on the progress subject before the first of them is published");

  const manager = await streams.connection.jetstreamManager();
  const lastSequence = async (): Promise<number> => (await manager.streams.info("OUTPUT")).state.last_seq;
  let inputs = 0;
  for (let kill = 0; kill < KILLS; kill++) {
    for (let i = 0; i < 4; i++) {
      const lines = Array.from({ length: LINES }, (_, line) => `{"n":${inputs * LINES + line}}`);
      await streams.connection.jetstream().publish("in.rows", lines.join("\n"));
      inputs += 1;
    }
    const before = await lastSequence();
    const running = startCli(["run", file, "--json", "--state", "memory:"], options);
    // In the midst of an input, most of the time.
    while ((await lastSequence()) < before + 1000) {
      expect(running.child.exitCode).toBeNull();
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    running.child.kill("SIGKILL");
    await running.finished;
    expect(running.child.signalCode).toBe("SIGKILL");
  }
  const last = await runCli(["run", file, "--json", "--state", "memory:", "--until-caught-up"], options);
  expect(last.exitCode, last.stderr).toBe(0);

  const rows = (await streams.rows<{ n?: number; id: string; at: string }>("OUTPUT")).filter(
    ({ n }) => n !== undefined,
  );
  expect(rows.map(({ n }) => n)).toEqual(Array.from({ length: inputs * LINES }, (_, n) => n));
  expect(new Set(rows.map(({ id }) => id)).size).toBe(rows.length);
  // The time is one for all that is worked on together.
  for (let input = 0; input < inputs; input++) {
    const times = new Set(rows.slice(input * LINES, (input + 1) * LINES).map(({ at }) => at));
    expect([...times], `input ${input}`).toHaveLength(1);
  }
}, 120_000);

import { existsSync } from "node:fs";
import { join } from "node:path";
import { startNatsServer } from "@x/nats-testkit";
import { expect, test } from "vitest";
import { numberedRows, pipelineSql } from "../src/pipeline-sql.js";
import { type CliResult, runCli, startCli } from "../src/run-cli.js";
import { openStreams } from "../src/streams.js";
import { openWorkFolder } from "../src/work-folder.js";

interface Explained {
  readonly guarantee: string;
  readonly query: { readonly engine: string };
  readonly checkpoint: { readonly start: string };
  readonly source: {
    readonly consumers: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
    readonly permissions: { readonly publish: readonly string[] };
  };
  readonly sink: { readonly publish: { readonly mode: string } };
}

test("explain says exactly which consumer a run creates, and creates nothing", async () => {
  using folder = openWorkFolder();
  await using server = await startNatsServer();
  await using streams = await openStreams(server.url);
  const options = { env: { NATS_URL: server.url }, cwd: folder.path };
  const cli = (...args: string[]): Promise<CliResult> => runCli(args, options);
  const manager = await streams.connection.jetstreamManager();
  await streams.add("INPUT", "in.>");
  await streams.add("OUTPUT", "out.rows");
  await streams.fill("in.rows", numberedRows(1, 5));
  const source = ", 'consumer.filter_subjects' = 'in.rows'";
  const file = folder.write("job.sql", pipelineSql({ source, select: "SELECT n FROM input WHERE n > 2" }));
  const explain = async (): Promise<Explained> => {
    const { exitCode, stdout, stderr } = await cli("explain", file, "--json");
    expect(exitCode, stderr).toBe(0);
    return JSON.parse(stdout).pipelines[0];
  };

  const first = await explain();
  expect(first).toMatchObject({
    guarantee: "at least once, in order",
    query: { engine: expect.stringContaining("DuckDB") },
    checkpoint: { state: "file:.nats-pipeline", start: "a first start" },
    sink: { publish: { mode: expect.stringContaining("acknowledgements") } },
  });
  expect(first.source.permissions.publish).toContain("$JS.API.CONSUMER.CREATE.INPUT.*.in.rows");
  expect(await streams.consumers("INPUT")).toEqual([]);
  expect(existsSync(join(folder.path, ".nats-pipeline"))).toBe(false);

  // The consumer of a real run, field by field; only what a start alone knows is left out.
  const running = startCli(["run", file, "--json"], options);
  while ((await streams.count("OUTPUT")) < 3) await new Promise((resolve) => setTimeout(resolve, 20));
  const [name = ""] = await streams.consumers("INPUT");
  const { config } = await manager.consumers.info("INPUT", name);
  running.child.kill("SIGINT");
  expect((await running.finished).exitCode).toBe(0);
  const { name: _name, metadata: _metadata, ...asked } = first.source.consumers["0"] ?? {};
  expect(config).toMatchObject(asked);
  expect(Object.keys(asked).length).toBeGreaterThan(5);

  const second = await explain();
  expect(second.checkpoint.start).toBe("behind the last checkpoint");
  expect(second.source.consumers["0"]).toMatchObject({ deliver_policy: "by_start_sequence", opt_start_seq: 6 });
  const words = await cli("explain", file);
  expect(words.stdout).toContain("$JS.API.CONSUMER.CREATE.INPUT.*.in.rows");
  expect(words.stdout).toMatch(/opt_start_seq: +6\n/);
});

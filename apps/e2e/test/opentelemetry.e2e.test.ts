import { readFileSync } from "node:fs";
import { join } from "node:path";
import { startNatsServer } from "@x/nats-testkit";
import { metrics } from "@x/runtime";
import { headers } from "nats";
import { expect, test } from "vitest";
import { pipelineSql } from "../src/pipeline-sql.js";
import { runCli } from "../src/run-cli.js";
import { openStreams } from "../src/streams.js";
import { openWorkFolder } from "../src/work-folder.js";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const PUBLISHER = "b7ad6b7169203331";
const sdk = new URL("../src/otel-sdk.mjs", import.meta.url).href;

interface Kept {
  readonly spans: readonly {
    readonly name: string;
    readonly attributes: Readonly<Record<string, unknown>>;
    readonly traceId: string;
    readonly spanId: string;
    readonly parent?: string;
  }[];
  readonly metrics: readonly { readonly name: string; readonly value?: number }[];
}

test("the command tells an SDK that is registered in its process: spans, metrics, and the trace goes on in headers", async () => {
  using folder = openWorkFolder();
  await using server = await startNatsServer();
  await using streams = await openStreams(server.url);
  await streams.add("INPUT", "in.rows");
  await streams.add("OUTPUT", "out.rows");
  const given = headers();
  given.set("traceparent", `00-${TRACE}-${PUBLISHER}-01`);
  await streams.connection.jetstream().publish("in.rows", '{"n":1}', { headers: given });
  const file = folder.write("job.sql", pipelineSql());
  const kept = join(folder.path, "otel.json");
  const run = (env: Record<string, string>) =>
    runCli(["run", file, "--json", "--until-caught-up"], { cwd: folder.path, env: { NATS_URL: server.url, ...env } });
  const manager = await streams.connection.jetstreamManager();
  const traceOf = async (seq: number) =>
    (await manager.streams.getMessage("OUTPUT", { seq })).header?.get("traceparent") ?? "";

  const traced = await run({ NODE_OPTIONS: `--import ${sdk}`, OTEL_FILE: kept });
  expect(traced.exitCode, traced.stderr).toBe(0);
  expect(traced.stderr).not.toContain("OpenTelemetry");
  const { spans, metrics: numbers } = JSON.parse(readFileSync(kept, "utf8")) as Kept;
  const batch = spans.find(({ name }) => name === "process");
  expect(batch).toMatchObject({
    traceId: TRACE,
    parent: PUBLISHER,
    attributes: { "pipeline.name": "job", "messaging.batch.message_count": 1 },
  });
  expect(await traceOf(1)).toBe(`00-${TRACE}-${batch?.spanId}-01`);
  expect(spans.some(({ name }) => name === "checkpoint")).toBe(true);
  expect(new Map(numbers.map(({ name, value }) => [name, value])).get("pipeline.rows_out")).toBe(1);
  const names = numbers.map(({ name }) => name);
  expect(metrics.map(({ name }) => name).filter((name) => !names.includes(name))).toEqual([]);

  // Without an SDK nobody asks for a trace, and none is written.
  await streams.connection.jetstream().publish("in.rows", '{"n":2}', { headers: given });
  const plain = await run({});
  expect(plain.exitCode, plain.stderr).toBe(0);
  expect(await traceOf(2)).toBe("");
}, 60_000);

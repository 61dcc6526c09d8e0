import { startNatsCluster, startNatsServer } from "@x/nats-testkit";
import { expect, test } from "vitest";
import { obtainNatsServer } from "../../../tooling/nats-server/obtain-nats-server.mjs";
import { runCli } from "../src/run-cli.js";
import { openStreams, type Streams } from "../src/streams.js";
import { openWorkFolder } from "../src/work-folder.js";

const allSeries = ["2.9", "2.10", "newest"] as const;
type Series = (typeof allSeries)[number];

/** The rules whose answer depends on the server's version, on replicas or on whether there is a cluster. */
const RULES = [
  "ack-policy-unsound",
  "several-filters-unsupported",
  "filter-matches-nothing",
  "exactly-once-impossible",
  "consumer-replicas",
  "single-replica",
  "stored-in-memory",
  "replica-behind",
  "unsafe-clustered-version",
];
const PATIENCE = { timeout: 60_000, interval: 500 };
const EXACTLY_ONCE = ", delivery = 'exactly_once'";

interface Case {
  /** Beside the number of replicas. */
  readonly input?: object;
  readonly output?: object;
  readonly source?: string;
  readonly sink?: string;
  /** Of those rules, on three nodes. */
  readonly finds?: (series: Series) => readonly string[];
}

const only = (some: readonly Series[], ...found: readonly string[]) => {
  return (series: Series): readonly string[] => (some.includes(series) ? found : []);
};

const cases: Readonly<Record<string, Case>> = {
  sound: {},
  acks_all_of_interest: {
    input: { retention: "interest" },
    source: ", 'consumer.ack_policy' = 'all'",
    finds: only(["2.9", "2.10"], "error ack-policy-unsound"),
  },
  acks_all_of_one_replica: {
    input: { retention: "interest", num_replicas: 1 },
    source: ", 'consumer.ack_policy' = 'all'",
    finds: () => ["warning single-replica"],
  },
  two_filters: {
    source: ", 'consumer.filter_subjects' = 'two_filters.in.a,two_filters.in.b'",
    finds: only(["2.9"], "error several-filters-unsupported"),
  },
  filter_of_another: {
    source: ", 'consumer.filter_subjects' = 'elsewhere'",
    finds: (series) => [`${series === "2.9" ? "error" : "warning"} filter-matches-nothing`],
  },
  exactly_once: { sink: EXACTLY_ONCE, finds: () => ["error exactly-once-impossible"] },
  shared_with_others: {
    sink: `${EXACTLY_ONCE}, 'sink.sole_writer' = false`,
    finds: only(["2.9", "2.10"], "error exactly-once-impossible"),
  },
  in_batches: {
    output: { allow_atomic: true },
    sink: EXACTLY_ONCE,
    finds: only(["2.9", "2.10"], "error exactly-once-impossible"),
  },
  sole_writer: {
    sink: `${EXACTLY_ONCE}, 'sink.sole_writer' = true`,
    finds: only(["2.9"], "error exactly-once-impossible"),
  },
  sole_writer_of_one_replica: {
    output: { num_replicas: 1 },
    sink: `${EXACTLY_ONCE}, 'sink.sole_writer' = true`,
    finds: () => ["warning single-replica"],
  },
  consumer_less_safe: {
    input: { retention: "workqueue" },
    source: ", 'consumer.num_replicas' = 1",
    finds: () => ["error consumer-replicas"],
  },
  consumer_beyond_stream: {
    input: { num_replicas: 1 },
    source: ", 'consumer.num_replicas' = 3",
    finds: () => ["error consumer-replicas", "warning single-replica"],
  },
  consumer_of_one_replica: { source: ", 'consumer.num_replicas' = 1" },
  memory: {
    input: { storage: "memory", num_replicas: 1 },
    finds: () => ["warning single-replica", "warning stored-in-memory"],
  },
  memory_of_three: { input: { storage: "memory" } },
};

interface Answer {
  readonly exitCode: number | null;
  /** By pipeline, as `severity id`, in the order of the rules. */
  readonly found: Readonly<Record<string, readonly string[]>>;
  readonly messages: readonly string[];
}

/** The streams of the cases on a server, and one file with a pipeline for each. */
async function prepare(url: string, streams: Streams, some: readonly string[], replicas = 3) {
  const folder = openWorkFolder();
  const sql: string[] = [];
  for (const name of some) {
    const { input = {}, output = {}, source = "", sink = "" } = cases[name] as Case;
    await streams.add(`IN_${name}`, `${name}.in.>`, { num_replicas: replicas, ...input });
    await streams.add(`OUT_${name}`, `${name}.out.>`, { num_replicas: replicas, ...output });
    const table = (kind: string, options: string): string =>
      `CREATE TABLE ${kind}_${name} (n BIGINT) WITH (connector = 'nats', servers = '${url}', format = 'json', ${options});`;
    sql.push(
      table("in", `type = 'source', stream = 'IN_${name}'${source}`),
      table("out", `type = 'sink', stream = 'OUT_${name}', subject = '${name}.out.rows'${sink}`),
      `INSERT INTO out_${name} SELECT n FROM in_${name};`,
    );
  }
  const file = folder.write("job.sql", sql.join("\n"));
  const options = { cwd: folder.path };
  const caseOf = (pipeline: string): string => (some.length === 1 ? some.join() : pipeline.replace("job-out_", ""));
  return {
    async check(): Promise<Answer> {
      const { exitCode, stdout, stderr } = await runCli(["check", file, "--json"], options);
      expect(stdout, stderr).toContain('{"event":"check"');
      const { pipelines } = JSON.parse(stdout) as {
        pipelines: { name: string; findings: { id: string; severity: string; message: string }[] }[];
      };
      const found = pipelines.map(({ name, findings }) => {
        const judged = findings.filter(({ id }) => RULES.includes(id));
        return [caseOf(name), judged.map(({ severity, id }) => `${severity} ${id}`)] as const;
      });
      const messages = pipelines.flatMap(({ findings }) => findings.map(({ message }) => message));
      return { exitCode, found: Object.fromEntries(found), messages };
    },
    /** The exit code of each pipeline. */
    async run(): Promise<Readonly<Record<string, number>>> {
      const { pipelines, stderr } = await runCli(["run", file, "--until-caught-up", "--json"], options);
      expect(pipelines.length, stderr).toBe(some.length);
      return Object.fromEntries(pipelines.map(({ name, exitCode }) => [caseOf(name), exitCode]));
    },
    [Symbol.dispose]: () => folder[Symbol.dispose](),
  };
}

test.each(allSeries)(
  "three nodes of %s: each rule says what a start then does",
  { timeout: 240_000 },
  async (series) => {
    const { path, version } = await obtainNatsServer(series === "newest" ? {} : { series });
    await using cluster = await startNatsCluster({ bin: path });
    await using streams = await openStreams(cluster.urls.join());
    const names = Object.keys(cases);
    using job = await prepare(cluster.urls.join(), streams, names);
    // Debian's 2.9 is 2.9.10.
    const ofEachTable =
      series === "2.9" ? ["warning unsafe-clustered-version", "warning unsafe-clustered-version"] : [];
    const expected = Object.entries(cases).map(([name, { finds }]) => [
      name,
      [...(finds?.(series) ?? []), ...ofEachTable],
    ]);
    const { exitCode, found, messages } = await job.check();
    expect(found).toEqual(Object.fromEntries(expected));
    expect(exitCode).toBe(2);
    expect(messages.some((message) => message.includes(version))).toBe(series !== "newest");
    const exitCodes = names.map((name) => {
      const holds = found[name]?.every((each) => !each.startsWith("error"));
      return [name, holds ? 0 : 2];
    });
    expect(await job.run()).toEqual(Object.fromEntries(exitCodes));

    using sound = await prepare(cluster.urls.join(), streams, ["sound"]);
    await cluster.nodes[0]?.kill();
    const behind = ["warning replica-behind", "warning replica-behind", ...ofEachTable];
    await expect.poll(() => sound.check().catch(() => undefined), PATIENCE).toMatchObject({ found: { sound: behind } });
  },
);

test.each(allSeries)("one server of %s: one replica is all there can be", async (series) => {
  const { path } = await obtainNatsServer(series === "newest" ? {} : { series });
  await using server = await startNatsServer({ bin: path });
  await using streams = await openStreams(server.url);
  using job = await prepare(server.url, streams, ["sound"], 1);
  expect(await job.check()).toMatchObject({
    exitCode: 0,
    found: { sound: ["note single-replica", "note single-replica"] },
  });
});

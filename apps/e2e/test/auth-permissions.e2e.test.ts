import { checkpointPermissionsOf, type Permissions } from "@x/nats-connector";
import { type NatsServer, startNatsServer } from "@x/nats-testkit";
import type { StreamConfig } from "nats";
import { describe, expect, test } from "vitest";
import { authorizationFor, pipelinePermissions } from "../src/pipeline-permissions.js";
import { numberedRows } from "../src/pipeline-sql.js";
import type { CliResult } from "../src/run-cli.js";
import { runHere } from "../src/run-here.js";
import { openStreams, type Streams } from "../src/streams.js";
import { openWorkFolder, type WorkFolder } from "../src/work-folder.js";

const WITH =
  "connector = 'nats', servers = '{{ NATS_URL }}', format = 'json', 'auth.type' = 'credentials', 'auth.username' = 'app', 'auth.password' = 'pw', inbox_prefix = '_INBOX_app'";
const sqlOf = (
  source: string,
  sink: string,
): string => `CREATE TABLE input (n BIGINT) WITH (${WITH}, type = 'source', ${source});
CREATE TABLE output (n BIGINT) WITH (${WITH}, type = 'sink', ${sink});
INSERT INTO output SELECT * FROM input;`;

const fromStream = "stream = 'INPUT'";
const intoStream = "stream = 'OUTPUT', subject = 'out.{n}'";
const letters = "bad_data = 'dead_letter', 'dead_letter.subject' = 'letters.of.app'";

interface Kind {
  /** `--state`. */
  readonly state?: string;
  /** Of the stream that is written into. */
  readonly output?: object;
  readonly source?: string;
  readonly sink?: string;
  readonly input?: Partial<StreamConfig>;
  readonly config?: string;
  /** What is published after the rows, and is no row. */
  readonly bad?: string;
  /** Nothing is stored: rows are published while it runs. */
  readonly core?: boolean;
  /** Where a row is published, when not all of them on `in.rows`. */
  readonly subjectOf?: (n: number) => string;
}

const evenAndOdd = (n: number): string => `in.${n % 2}`;

const kinds: Record<string, Kind> = {
  "limits stream → stream": {},
  "interest stream → stream": { input: { retention: "interest" as never } },
  "work queue → stream": { input: { retention: "workqueue" as never } },
  "explicit acks": { source: `${fromStream}, 'consumer.ack_policy' = 'explicit'` },
  "no acks at all": { source: `${fromStream}, 'consumer.ack_policy' = 'none'` },
  "one filter": { source: `${fromStream}, 'consumer.filter_subjects' = 'in.rows'` },
  "one filter with wildcards": { source: `${fromStream}, 'consumer.filter_subjects' = 'in.>'` },
  "several filters": { source: `${fromStream}, 'consumer.filter_subjects' = 'in.rows, in.others.*'` },
  "a JetStream domain": {
    source: `${fromStream}, jetstream.domain = 'hub', 'consumer.ack_policy' = 'all'`.replace(
      "jetstream.domain",
      "'jetstream.domain'",
    ),
    sink: `${intoStream}, 'jetstream.domain' = 'hub'`,
    config: "jetstream { domain: hub, store_dir: STORE }",
  },
  "stream → Core": { sink: "subject = 'out.{n}'" },
  "stream → Core at most once": { sink: "subject = 'out.{n}', delivery = 'at_most_once'" },
  "stream → stream at most once": { sink: `${intoStream}, delivery = 'at_most_once'` },
  "Core → stream": { source: "subject = 'in.rows'", core: true },
  "Core with wildcards → Core": { source: "subject = 'in.>'", sink: "subject = 'out.{n}'", core: true },
  "Core queue group → stream": { source: "subject = 'in.rows', queue_group = 'workers'", core: true },
  "exactly once, in a batch": { sink: `${intoStream}, delivery = 'exactly_once'`, output: { allow_atomic: true } },
  "exactly once, progress elsewhere": {
    sink: `${intoStream}, delivery = 'exactly_once', 'exactly_once.progress_subject' = 'out.of-{pipeline}-{split}'`,
    output: { allow_atomic: true },
  },
  "exactly once, in a chain": { sink: `${intoStream}, delivery = 'exactly_once', 'sink.sole_writer' = true` },
  "exactly once, by ids": { sink: `${intoStream}, delivery = 'exactly_once', 'sink.sole_writer' = false` },
  "exactly once, from several splits": {
    source: `${fromStream}, partitions = 2, 'partition.token' = 2`,
    sink: `${intoStream}, delivery = 'exactly_once'`,
    output: { allow_atomic: true },
    subjectOf: evenAndOdd,
  },
  "splits by a token": { source: `${fromStream}, partitions = 2, 'partition.token' = 2`, subjectOf: evenAndOdd },
  "splits by filters": { source: `${fromStream}, 'partition.filters' = 'in.0, in.1'`, subjectOf: evenAndOdd },
  "splits by the stream's transform": {
    source: `${fromStream}, partitions = 2`,
    input: { subject_transform: { src: "in.*", dest: "in.{{partition(2,1)}}.{{wildcard(1)}}" } },
    subjectOf: (n) => `in.of-${n}`,
  },
  "the last of each subject": {
    source: `${fromStream}, deliver_policy = 'last_per_subject'`,
    subjectOf: (n) => `in.${n}`,
  },
  "a shared consumer": { source: `${fromStream}, ordering = 'none'` },
  "a shared consumer of a work queue": {
    source: `${fromStream}, ordering = 'none'`,
    input: { retention: "workqueue" as never },
  },
  "a shared consumer with a last attempt": { source: `${fromStream}, ordering = 'none', 'consumer.max_deliver' = 3` },
  "checkpoints in a bucket": { state: "nats-kv:CHECKPOINTS" },
  "checkpoints in a bucket of a domain": {
    source: `${fromStream}, 'jetstream.domain' = 'hub'`,
    sink: `${intoStream}, 'jetstream.domain' = 'hub'`,
    config: "jetstream { domain: hub, store_dir: STORE }",
    state: "nats-kv:CHECKPOINTS",
  },
  "dead letters of a source": { source: `${fromStream}, ${letters}`, bad: "no row" },
  "dead letters of a Core source": { source: `subject = 'in.rows', ${letters}`, core: true, bad: "no row" },
  "dead letters of a sink": { sink: `${intoStream}, ${letters}`, bad: "{}" },
};

interface Run extends AsyncDisposable {
  readonly server: NatsServer;
  readonly streams: Streams;
  go(): Promise<Omit<CliResult, "pipelines">>;
}

async function prepare(kind: Kind, folder: WorkFolder, change = (of: Permissions) => of): Promise<Run> {
  const { source = fromStream, sink = intoStream, input = {}, output = {}, config = "" } = kind;
  const { state = `file:${folder.path}/state` } = kind;
  const sql = sqlOf(source, sink);
  const permissions = [...(await pipelinePermissions(sql, { NATS_URL: "127.0.0.1" })).values()];
  if (state.startsWith("nats-kv:")) {
    const profile = { inboxPrefix: "_INBOX_app", ...(source.includes("'hub'") ? { jetstreamDomain: "hub" } : {}) };
    permissions.push(checkpointPermissionsOf({ profile, bucket: state.slice("nats-kv:".length) }));
  }
  const text = `${authorizationFor(...permissions.map(change))}\n${config.replace("STORE", JSON.stringify(`${folder.path}/store`))}`;
  const server = await startNatsServer({ config: text });
  const streams = await openStreams(server.url, { user: "admin", pass: "pw" });
  if (kind.core !== true) await streams.add("INPUT", "in.>", input);
  await streams.add("OUTPUT", "out.>", output);
  await streams.add("LETTERS", "letters.>");
  if (state.startsWith("nats-kv:")) await streams.connection.jetstream().views.kv("CHECKPOINTS");
  // An interest stream keeps what somebody has asked for.
  if (input.retention === ("interest" as never)) {
    const manager = await streams.connection.jetstreamManager();
    await manager.consumers.add("INPUT", { durable_name: "somebody", ack_policy: "explicit" as never });
  }
  const file = folder.write("job.sql", sql);
  const envFile = folder.write("env", `NATS_URL=${server.url}\n`);
  const until = kind.core === true ? ["--max-rows", "100"] : ["--until-caught-up"];
  return {
    server,
    streams,
    go: () => runHere(["run", file, "--json", "--env-file", envFile, "--state", state, ...until]),
    async [Symbol.asyncDispose]() {
      await streams[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

describe("with exactly the permissions that are derived for it, and nothing more, it runs twice", () => {
  test.each(Object.keys(kinds))(
    "%s",
    async (name) => {
      const kind = kinds[name] as Kind;
      using folder = openWorkFolder();
      await using run = await prepare(kind, folder);
      const { streams, server } = run;
      for (const from of [1, 101]) {
        const rows = numberedRows(from, from + 99);
        const bad = kind.bad === undefined ? [] : [kind.bad];
        const publish = (): void => {
          for (const text of bad) streams.connection.publish("in.rows", text);
          for (const row of rows) {
            streams.connection.publish(kind.subjectOf?.(row.n) ?? "in.rows", JSON.stringify(row));
          }
        };
        if (kind.core !== true) publish();
        await streams.connection.flush();
        // Who listens to a Core subject hears what comes after: rows are published until enough were heard.
        const talking = kind.core === true ? setInterval(publish, 100) : undefined;
        const result = await run.go();
        clearInterval(talking);
        expect(result.exitCode, result.stderr).toBe(0);
        expect(result.stderr).not.toContain("PERMISSION");
        expect(JSON.parse(result.stdout.trim().split("\n").at(-1) ?? "").pipelines[0].rowsOut).toBeGreaterThanOrEqual(
          kind.bad === "{}" ? 99 : 100,
        );
      }
      expect(server.log()).not.toMatch(/Violation/);
      if (kind.core !== true) {
        // Progress stands between the rows, and splits are read side by side.
        const rows = await streams.rows<{ n?: number }>("OUTPUT");
        const numbers = rows.flatMap(({ n }) => n ?? []);
        const inOrder = kind.subjectOf === undefined ? numbers : numbers.toSorted((a, b) => a - b);
        expect(inOrder.map((n) => ({ n }))).toEqual(numberedRows(1, 200));
      }
      if (kind.bad !== undefined) expect(await streams.count("LETTERS")).toBeGreaterThanOrEqual(1);
    },
    30_000,
  );
});

const denied = (verb: string, subject: RegExp, needed: string): RegExp =>
  new RegExp(
    `PERMISSION_DENIED: .*denies this user to ${verb} "${subject.source}"; it needs ${needed.replaceAll(/[$.*]/g, "\\$&")} in its ${verb} permissions`,
  );

describe("without one of its permissions it ends with exit code 3 and names the subject and what is needed", () => {
  const acking = { source: `${fromStream}, 'consumer.ack_policy' = 'explicit'` };
  const consumer = /job-[-\w]+/.source;
  test.each<[string, Kind, RegExp]>([
    ["$JS.API.STREAM.INFO.INPUT", {}, denied("publish", /\$JS\.API\.STREAM\.INFO\.INPUT/, "that subject")],
    ["$JS.API.STREAM.INFO.OUTPUT", {}, denied("publish", /\$JS\.API\.STREAM\.INFO\.OUTPUT/, "that subject")],
    [
      "$JS.API.CONSUMER.CREATE.INPUT.*",
      {},
      denied(
        "publish",
        new RegExp(`\\$JS\\.API\\.CONSUMER\\.CREATE\\.INPUT\\.${consumer}`),
        '"$JS.API.CONSUMER.CREATE.INPUT.*"',
      ),
    ],
    // Neither is answered: who waits for an answer waits for ever.
    [
      "$JS.API.CONSUMER.MSG.NEXT.INPUT.*",
      {},
      denied(
        "publish",
        new RegExp(`\\$JS\\.API\\.CONSUMER\\.MSG\\.NEXT\\.INPUT\\.${consumer}`),
        '"$JS.API.CONSUMER.MSG.NEXT.INPUT.*"',
      ),
    ],
    [
      "$JS.ACK.INPUT.>",
      acking,
      denied("publish", new RegExp(`\\$JS\\.ACK\\.INPUT\\.${consumer}\\.[.\\d]+`), '"$JS.ACK.INPUT.>"'),
    ],
    ["_INBOX_app.>", {}, denied("subscribe", /_INBOX_app\.[.*\w]+/, '"_INBOX_app.>"')],
    ["out.*", {}, denied("publish", /out\.\d+/, "that subject")],
    ["out.*", { sink: "subject = 'out.{n}'" }, denied("publish", /out\.\d+/, "that subject")],
    [
      "out.*",
      { sink: "subject = 'out.{n}', delivery = 'at_most_once'" },
      denied("publish", /out\.\d+/, "that subject"),
    ],
    [
      "letters.of.app",
      { source: `${fromStream}, ${letters}`, bad: "no row" },
      /PERMISSION_DENIED: .*"letters\.of\.app"/,
    ],
    ["in.rows", { source: "subject = 'in.rows'", core: true }, denied("subscribe", /in\.rows/, "that subject")],
    [
      "$JS.API.STREAM.INFO.INPUT",
      { source: `${fromStream}, 'jetstream.domain' = 'hub'`, config: "jetstream { domain: hub, store_dir: STORE }" },
      denied("publish", /\$JS\.API\.STREAM\.INFO\.INPUT/, "that subject"),
    ],
  ])(
    "%s of %o",
    async (entry, kind, message) => {
      using folder = openWorkFolder();
      await using run = await prepare(kind, folder, ({ publish, subscribe }) => ({
        publish: publish.filter((subject) => subject !== entry),
        // An empty list would allow everything.
        subscribe: [...subscribe.filter((subject) => subject !== entry), "nothing"],
      }));
      if (kind.core !== true) {
        const texts = [...(kind.bad === undefined ? [] : [kind.bad]), '{"n":1}', '{"n":2}'];
        for (const text of texts) run.streams.connection.publish("in.rows", text);
        await run.streams.connection.flush();
      }
      const result = await run.go();
      expect(result.exitCode, result.stderr).toBe(3);
      expect(result.stderr).toMatch(message);
      expect(result.stderr.split("\n").filter((line) => /denies/.test(line))).toHaveLength(1);
      expect(result.stdout).toContain('"code":"PERMISSION_DENIED"');
      expect(run.server.log()).toMatch(/Violation/);
    },
    30_000,
  );
});

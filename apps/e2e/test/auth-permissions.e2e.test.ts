import { natsConnector, type Permissions, permissionsOf } from "@x/nats-connector";
import { startNatsServer } from "@x/nats-testkit";
import { expect, test } from "vitest";
import { numberedRows, pipelineSql } from "../src/pipeline-sql.js";
import { runCli } from "../src/run-cli.js";
import { openStreams } from "../src/streams.js";
import { openWorkFolder } from "../src/work-folder.js";

const connector = natsConnector();
const list = (subjects: readonly string[]): string => JSON.stringify(subjects);

function configFor(source: Permissions, sink: Permissions): string {
  const user = (name: string, { publish, subscribe }: Permissions): string =>
    `{ user: ${name}, password: pw, permissions: { publish: { allow: ${list(publish)} }, subscribe: { allow: ${list(subscribe)} } } }`;
  return `authorization { users: [{ user: admin, password: pw }, ${user("reader", source)}, ${user("writer", sink)}] }`;
}

const auth = (name: string): string =>
  `, 'auth.type' = 'credentials', 'auth.username' = '${name}', 'auth.password' = 'pw', inbox_prefix = '_INBOX_${name}'`;
const source = permissionsOf(
  { inboxPrefix: "_INBOX_reader" },
  connector.parseTable({ type: "jetstream-source", stream: "INPUT" }),
);
const sink = permissionsOf(
  { inboxPrefix: "_INBOX_writer" },
  connector.parseTable({ type: "jetstream-sink", stream: "OUTPUT", subject: "out.{n}" }),
);
const sql = pipelineSql({ source: auth("reader"), sink: auth("writer") }).replace("'out.rows'", "'out.{n}'");

test.each(["limits", "interest", "workqueue"])(
  "a pipeline from a %s stream runs, twice, with exactly the permissions that are derived for it",
  async (retention) => {
    using folder = openWorkFolder();
    await using server = await startNatsServer({ config: configFor(source, sink) });
    await using streams = await openStreams(server.url, { user: "admin", pass: "pw" });
    await streams.add("INPUT", "in.rows", { retention: retention as never });
    await streams.add("OUTPUT", "out.*");
    // An interest stream keeps what somebody has asked for.
    if (retention === "interest") {
      const manager = await streams.connection.jetstreamManager();
      await manager.consumers.add("INPUT", { durable_name: "somebody", ack_policy: "explicit" as never });
    }
    const file = folder.write("job.sql", sql);
    for (const [from, to] of [
      [1, 500],
      [501, 1000],
    ] as const) {
      await streams.fill("in.rows", numberedRows(from, to));
      const result = await runCli(["run", file, "--json", "--until-caught-up"], {
        cwd: folder.path,
        env: { NATS_URL: server.url },
      });
      expect(result.exitCode, result.stderr).toBe(0);
      expect(result.stderr).not.toContain("PERMISSION");
    }
    expect(await streams.rows("OUTPUT")).toEqual(numberedRows(1, 1000));
    expect(server.log()).not.toMatch(/Violation/);
  },
  60_000,
);

test.each([
  [
    "reader",
    "$JS.API.CONSUMER.CREATE.INPUT.",
    /to publish "\$JS\.API\.CONSUMER\.CREATE\.INPUT\..* publish permissions/,
  ],
  ["reader", "$JS.API.STREAM.INFO.INPUT", /to publish "\$JS\.API\.STREAM\.INFO\.INPUT"; it needs that subject in its/],
  ["writer", "out.", /"out\.1"/],
  ["writer", "$JS.API.STREAM.INFO.OUTPUT", /to publish "\$JS\.API\.STREAM\.INFO\.OUTPUT"/],
])(
  "without one of %s's permissions, %s, it ends with exit code 3 and names the subject",
  async (who, prefix, message) => {
    using folder = openWorkFolder();
    const without = (of: Permissions): Permissions => ({
      ...of,
      publish: of.publish.filter((subject) => !subject.startsWith(prefix)),
    });
    const config = who === "reader" ? configFor(without(source), sink) : configFor(source, without(sink));
    await using server = await startNatsServer({ config });
    await using streams = await openStreams(server.url, { user: "admin", pass: "pw" });
    await streams.add("INPUT", "in.rows");
    await streams.add("OUTPUT", "out.*");
    await streams.fill("in.rows", numberedRows(1, 10));
    const result = await runCli(["run", folder.write("job.sql", sql), "--json", "--until-caught-up"], {
      cwd: folder.path,
      env: { NATS_URL: server.url },
    });
    expect(result.exitCode, result.stderr).toBe(3);
    expect(result.stderr).toMatch(message);
    expect(server.log()).toMatch(/Violation/);
    expect(result.stdout).toContain('"code":"PERMISSION_DENIED"');
  },
  60_000,
);

import { fileURLToPath } from "node:url";
import { startNatsServer } from "@x/nats-testkit";
import { RetentionPolicy } from "nats";
import { expect, test } from "vitest";
import { obtainNatsServer } from "../../../tooling/nats-server/obtain-nats-server.mjs";
import { runCli, startCli } from "../src/run-cli.js";
import { openStreams, type Streams } from "../src/streams.js";
import { openWorkFolder } from "../src/work-folder.js";

const order = fileURLToPath(new URL("../fixtures/formats/order.proto", import.meta.url));
const formats: Readonly<Record<string, string>> = {
  json: "format = 'json'",
  avro: "format = 'avro', 'avro.raw_datums' = true",
  protobuf: `format = 'protobuf', 'proto.schema_file' = '${order}', 'proto.message_name' = 'shop.Order'`,
  debezium: "format = 'debezium_json'",
};
const retentions = {
  limits: RetentionPolicy.Limits,
  interest: RetentionPolicy.Interest,
  workqueue: RetentionPolicy.Workqueue,
} as const;
const deliveries = ["at_least_once", "exactly_once", "at_most_once"] as const;
const COLUMNS = "n BIGINT NOT NULL, note TEXT";
const ROWS = Array.from({ length: 200 }, (_, i) => ({ n: i + 1, note: i % 3 === 0 ? null : `né ${i}` }));

const table = (name: string, options: string): string =>
  `CREATE TABLE ${name} (${COLUMNS}) WITH (connector = 'nats', servers = '{{ NATS_URL }}', ${options});\n`;

/**
 * Fills a stream with rows in a format, by a pipeline; then a second run reads it and writes JSON once per delivery.
 * A stream per delivery, as a work queue and an interest stream are read once.
 */
async function runLine(
  streams: Streams,
  url: string,
  { format, retention, some }: { format: string; retention: keyof typeof retentions; some: readonly string[] },
): Promise<void> {
  using folder = openWorkFolder();
  const options = { env: { NATS_URL: url }, cwd: folder.path };
  const id = `${format}_${retention}`;
  await streams.add(`IN_${id}`, `in.${id}`);
  await streams.fill(`in.${id}`, ROWS);
  const input = table("start", `type = 'source', stream = 'IN_${id}', format = 'json'`);
  let load = input;
  let run = "";
  const manager = await streams.connection.jetstreamManager();
  for (const delivery of some) {
    const line = `${id}_${delivery}`;
    await streams.add(`MID_${line}`, `mid.${line}`, { retention: retentions[retention] });
    // Interest in what is about to come: without a consumer the stream keeps nothing.
    if (retention === "interest") await manager.consumers.add(`MID_${line}`, { durable_name: "interested" });
    await streams.add(`OUT_${line}`, `out.${line}.>`, {
      ...(delivery === "exactly_once" && { allow_atomic: true, allow_rollup_hdrs: true }),
    });
    load += table(
      `mid_${delivery}`,
      `type = 'sink', stream = 'MID_${line}', subject = 'mid.${line}', ${formats[format]}`,
    );
    load += `INSERT INTO mid_${delivery} SELECT * FROM start;\n`;
    run += table(`mid_${delivery}`, `type = 'source', stream = 'MID_${line}', ${formats[format]}`);
    run += table(
      `out_${delivery}`,
      `type = 'sink', stream = 'OUT_${line}', subject = 'out.${line}.rows', format = 'json', delivery = '${delivery}'`,
    );
    run += `INSERT INTO out_${delivery} SELECT * FROM mid_${delivery};\n`;
  }
  for (const [name, sql] of Object.entries({ load, run })) {
    const result = await runCli(
      ["run", folder.write(`${id}-${name}.sql`, sql), "--until-caught-up", "--json"],
      options,
    );
    expect(result.exitCode, result.stderr).toBe(0);
    expect(result.pipelines.map(({ rowsOut }) => rowsOut)).toEqual(some.map(() => ROWS.length));
  }
  for (const delivery of some) {
    const found = await streams.rows<{ n?: number }>(`OUT_${id}_${delivery}`);
    // Exactly once keeps its position in the same stream.
    expect(found.filter(({ n }) => n !== undefined)).toEqual(ROWS);
  }
}

test.each(
  Object.keys(formats).flatMap((format) =>
    (Object.keys(retentions) as (keyof typeof retentions)[]).map((retention) => ({ format, retention })),
  ),
)("$format from a stream with $retention retention, with every delivery", async ({ format, retention }) => {
  await using server = await startNatsServer();
  await using streams = await openStreams(server.url);
  await runLine(streams, server.url, { format, retention, some: deliveries });
});

test.each(["2.9", "2.10"])("the essential part on %s: every format and retention, at least once", async (series) => {
  const { path } = await obtainNatsServer({ series });
  await using server = await startNatsServer({ bin: path });
  await using streams = await openStreams(server.url);
  for (const retention of ["limits", "interest", "workqueue"] as const) {
    await runLine(streams, server.url, { format: "json", retention, some: ["at_least_once", "at_most_once"] });
  }
  for (const format of ["avro", "protobuf"]) {
    await runLine(streams, server.url, { format, retention: "limits", some: ["at_least_once"] });
  }
});

test.each(["2.9", "2.10", "newest"])("raw formats on %s, into a stream of their own exactly once", async (series) => {
  const { path } = await obtainNatsServer(series === "newest" ? {} : { series });
  using folder = openWorkFolder();
  await using server = await startNatsServer({ bin: path });
  await using streams = await openStreams(server.url);
  const values = {
    raw_string: ["plain", "né", '{"n":1}', ""],
    raw_bytes: ["AAEC/w==", "w6k=", "", "eyJuIjoxfQ=="],
  };
  for (const [format, given] of Object.entries(values)) {
    const raw = (name: string, options: string): string =>
      table(name, options).replace(COLUMNS, format === "raw_bytes" ? "value BYTEA" : "value TEXT");
    await streams.add(`IN_${format}`, `in.${format}`);
    await streams.add(`MID_${format}`, `mid.${format}`);
    await streams.add(`OUT_${format}`, `out.${format}.>`);
    const rows = given.map((value) => ({ value }));
    await streams.fill(`in.${format}`, rows);
    const load = [
      raw("start", `type = 'source', stream = 'IN_${format}', format = 'json'`),
      raw("mid", `type = 'sink', stream = 'MID_${format}', subject = 'mid.${format}', format = '${format}'`),
      "INSERT INTO mid SELECT * FROM start;",
    ];
    const exact = "delivery = 'exactly_once', 'sink.sole_writer' = true";
    const run = [
      raw("mid", `type = 'source', stream = 'MID_${format}', format = '${format}'`),
      raw(
        "final",
        `type = 'sink', stream = 'OUT_${format}', subject = 'out.${format}.rows', format = 'json', ${exact}`,
      ),
      "INSERT INTO final SELECT * FROM mid;",
    ];
    for (const [name, sql] of Object.entries({ load, run })) {
      const file = folder.write(`${format}-${name}.sql`, sql.join("\n"));
      const options = { env: { NATS_URL: server.url }, cwd: folder.path };
      const result = await runCli(["run", file, "--until-caught-up", "--json"], options);
      expect(result.exitCode, result.stderr).toBe(0);
      expect(result.pipelines).toMatchObject([{ rowsIn: rows.length, rowsOut: rows.length, badRows: 0 }]);
    }
    // Beside them the position.
    expect((await streams.rows<object>(`OUT_${format}`)).filter((row) => "value" in row)).toEqual(rows);
  }
});

test("Core subjects on both sides, in every format", async () => {
  using folder = openWorkFolder();
  await using server = await startNatsServer();
  await using streams = await openStreams(server.url);
  let sql = table("start", "type = 'source', subject = 'core.in', format = 'json'");
  for (const [name, options] of Object.entries(formats)) {
    await streams.add(`OUT_${name}`, `out.${name}`);
    sql += table(`to_${name}`, `type = 'sink', subject = 'core.${name}', delivery = 'at_most_once', ${options}`);
    sql += table(`from_${name}`, `type = 'source', subject = 'core.${name}', ${options}`);
    sql += table(`out_${name}`, `type = 'sink', stream = 'OUT_${name}', subject = 'out.${name}', format = 'json'`);
    sql += `INSERT INTO to_${name} SELECT * FROM start;\nINSERT INTO out_${name} SELECT * FROM from_${name};\n`;
  }
  const pipeline = startCli(["run", folder.write("core.sql", sql), "--json"], {
    env: { NATS_URL: server.url },
    cwd: folder.path,
  });
  // A Core source hears what is said after it has come: knock until every line has let a first row through.
  const knock = new TextEncoder().encode(JSON.stringify({ n: 0, note: null }));
  await expect
    .poll(
      async () => {
        streams.connection.publish("core.in", knock);
        const counts = await Promise.all(Object.keys(formats).map((name) => streams.count(`OUT_${name}`)));
        return Math.min(...counts);
      },
      { timeout: 60_000, interval: 200 },
    )
    .toBeGreaterThan(0);
  for (const row of ROWS) streams.connection.publish("core.in", new TextEncoder().encode(JSON.stringify(row)));
  for (const name of Object.keys(formats)) {
    const rows = async () => (await streams.rows<{ n: number }>(`OUT_${name}`)).filter(({ n }) => n > 0);
    await expect.poll(async () => (await rows()).length, { timeout: 60_000, interval: 200 }).toBe(ROWS.length);
    expect(await rows()).toEqual(ROWS);
  }
  pipeline.child.kill("SIGTERM");
  const { exitCode, stderr } = await pipeline.finished;
  expect(exitCode, stderr).toBe(0);
});

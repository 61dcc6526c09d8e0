import { appendFileSync, mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { type NatsServer, startNatsServer } from "@x/nats-testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createProject, type OutsideProject, packAll, type Tarballs } from "../src/packed-project.js";
import { openStreams } from "../src/streams.js";

const examples = [
  "examples/custom-format/msgpack.mjs",
  "examples/custom-connector/files.mjs",
  "examples/custom-connector/folder-source.mjs",
  "examples/custom-connector/file-sink.mjs",
  "examples/custom-connector/file-error.mjs",
];

/** Lines of a folder → MessagePack in a stream → rows again, without SQL. */
const consumer = `
import { defineSchema, type InferRow, memoryCheckpoints } from "@x/connector-api";
import { builtinFormats } from "@x/formats";
import { natsConnector, openSink, openSource } from "@x/nats-connector";
import { filesConnector } from "./files.mjs";
import { msgpack } from "./msgpack.mjs";

// The library's declarations want this one name of the browser; everything else here does without one.
declare global {
  type BufferSource = ArrayBufferView | ArrayBuffer;
}

const servers = process.env.NATS_URL ?? "";
const schema = defineSchema({ id: "BIGINT NOT NULL", note: "TEXT" });
type Note = InferRow<typeof schema>;
const common = { schema, checkpoints: memoryCheckpoints(), untilCaughtUp: true };
const files = filesConnector({ formats: builtinFormats });
const nats = natsConnector({ formats: [msgpack] });

{
  await using source = await openSource({ ...common, connector: files, path: "in", format: "json", name: "in" });
  await using sink = await openSink({ connector: nats, servers, stream: "PACKED", subject: "packed.direct", format: "msgpack", schema });
  for await (const batch of source.batches()) {
    await sink.write(batch.rows);
    await sink.flush();
    await batch.commit();
  }
}
await using back = await openSource({ ...common, connector: nats, servers, stream: "PACKED", format: "msgpack", name: "back" });
const notes: Note[] = [];
for await (const row of back) notes.push(row);
console.log(JSON.stringify(notes.map(({ id, note }) => [String(id), note])));
`;

const tsconfig = {
  compilerOptions: {
    ...{ target: "ES2022", lib: ["ES2023", "ESNext.Disposable"], module: "NodeNext", types: ["node"], outDir: "out" },
    ...{ strict: true, exactOptionalPropertyTypes: true, skipLibCheck: false, allowJs: true, checkJs: true },
  },
  files: ["consumer.ts"],
};

const sql = `
CREATE TABLE lines (id BIGINT NOT NULL, note TEXT, file TEXT METADATA FROM 'file')
WITH (connector = 'files', type = 'source', path = 'in', format = 'json');
CREATE TABLE packed (id BIGINT NOT NULL, note TEXT)
WITH (connector = 'nats', servers = '{{ NATS_URL }}', type = 'sink', stream = 'SQL', subject = 'sql.rows', format = 'msgpack');
INSERT INTO packed SELECT id, note FROM lines WHERE id > 1;
`;
const sqlBack = `
CREATE TABLE packed (id BIGINT NOT NULL, note TEXT)
WITH (connector = 'nats', servers = '{{ NATS_URL }}', type = 'source', stream = 'SQL', format = 'msgpack');
CREATE TABLE out (id BIGINT NOT NULL, note TEXT) WITH (connector = 'files', type = 'sink', path = 'out.jsonl', format = 'json');
INSERT INTO out SELECT * FROM packed;
`;

let server: NatsServer;
let tarballs: Tarballs;
let project: OutsideProject;

beforeAll(async () => {
  server = await startNatsServer();
  await using streams = await openStreams(server.url);
  await streams.add("PACKED", "packed.>");
  await streams.add("SQL", "sql.>");
  tarballs = await packAll();
  project = await createProject(tarballs, tarballs.names, {
    "@msgpack/msgpack": "3.1.3",
    "@types/node": "20.19.43",
  });
  project.copy(...examples);
  mkdirSync(join(project.path, "in"));
  const lines = [{ id: 1, note: "öne" }, { id: 2, note: null }, '{"id": 9007199254740993, "note": "three"}'];
  for (const line of lines) {
    appendFileSync(join(project.path, "in/a.jsonl"), `${typeof line === "string" ? line : JSON.stringify(line)}\n`);
  }
}, 120_000);

afterAll(async () => {
  project?.[Symbol.dispose]();
  tarballs?.[Symbol.dispose]();
  await server[Symbol.asyncDispose]();
});

describe("outside the monorepo, from packed tarballs", () => {
  test("a strict consumer and the examples compile, skipLibCheck off, and run by the direct API", async () => {
    project.write("consumer.ts", consumer);
    project.write("tsconfig.json", JSON.stringify(tsconfig));
    const tsc = createRequire(import.meta.url).resolve("typescript/bin/tsc");
    const compiled = await project.node([tsc, "-p", "tsconfig.json"]);
    expect(compiled.stdout).toBe("");
    const result = await project.node(["out/consumer.js"], { NATS_URL: server.url });
    expect(result.stderr).toBe("");
    expect(JSON.parse(result.stdout)).toEqual([
      ["1", "öne"],
      ["2", null],
      ["9007199254740993", "three"],
    ]);
  });

  test("the command runs custom format and connector with --plugin", async () => {
    const command = "node_modules/@x/cli/bin/nats-pipeline.js";
    const plugins = ["--plugin", "./msgpack.mjs", "--plugin", "./files.mjs"];
    for (const [name, text] of Object.entries({ "there.sql": sql, "back.sql": sqlBack })) {
      project.write(name, text);
      const flags = ["--until-caught-up", "--json", "--state", "memory:"];
      const result = await project.node([command, "run", name, ...plugins, ...flags], { NATS_URL: server.url });
      expect(result.exitCode, result.stderr).toBe(0);
    }
    expect(readFileSync(join(project.path, "out.jsonl"), "utf8")).toBe(
      '{"id":2,"note":null}\n{"id":9007199254740993,"note":"three"}\n',
    );
  });

  test("without DuckDB a plain SELECT is planned, and a WHERE says how to add it", async () => {
    using small = await createProject(tarballs, ["connector-api", "sql"]);
    small.write(
      "plan.mjs",
      `import { parseScript, planQuery } from "@x/sql";
      const table = "CREATE TABLE t (a INT) WITH (connector = 'x');";
      for (const query of ["SELECT a FROM t", "SELECT a FROM t WHERE a > 1", "SELECT a + 1 AS b FROM t"]) {
        const script = await parseScript(table + query);
        await planQuery(script, script.queries[0]).then(
          (plan) => console.log(plan.engine),
          (error) => console.log(error.code + ": " + error.message),
        );
      }`,
    );
    const { stdout, stderr } = await small.node(["plan.mjs"]);
    expect(stderr).toBe("");
    const [plain, ...needy] = stdout.trimEnd().split("\n");
    expect(plain).toBe("identity");
    expect(needy).toHaveLength(2);
    for (const line of needy) expect(line).toMatch(/^DEPENDENCY_MISSING: .*npm install @duckdb\/node-api/);
  });
});

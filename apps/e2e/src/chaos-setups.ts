import { readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { ChaosSetup } from "./exactly-once-chaos.js";
import { pipelineSql } from "./pipeline-sql.js";
import { startCli, startScript } from "./run-cli.js";
import { transpile } from "./run-typescript.js";

const bytes = (text: string): Uint8Array => Buffer.from(text);
const text = (payload: Uint8Array): string => Buffer.from(payload).toString();

/** Settings of a stream for each way to keep outputs and progress together. */
const forAtomic = { allow_atomic: true, allow_rollup_hdrs: true };
const forChain = { allow_rollup_hdrs: true };

/** A pipeline of the command, from JSON `{"n":…}`. */
function byCommand(sql: string): Pick<ChaosSetup, "prepare" | "input"> {
  return {
    input: (n) => bytes(`{"n":${n}}`),
    prepare(folder, url) {
      const file = folder.write("job.sql", sql);
      const flags = ["--checkpoint-interval", "200ms", "--log-level", "warn"];
      return (state) =>
        startCli(["run", file, "--state", `file:${state}`, ...flags], { cwd: folder.path, env: { NATS_URL: url } });
    },
  };
}

const asItCame = {
  expected: (n: number): readonly string[] => [`{"n":${n}}`],
  read: (_subject: string, payload: Uint8Array): string => text(payload),
};

/** Outputs and progress in atomic batches. */
export const atomic: ChaosSetup = {
  ...byCommand(pipelineSql({ sink: ", delivery = 'exactly_once'" })),
  ...asItCame,
  output: forAtomic,
};

/** A chain of expected sequences. */
export const chain: ChaosSetup = {
  ...byCommand(pipelineSql({ sink: ", delivery = 'exactly_once', 'sink.sole_writer' = 'true'" })),
  ...asItCame,
  output: forChain,
};

/** Ids and a fence, in a stream that others may write into. */
export const fencedMsgid: ChaosSetup = {
  ...byCommand(pipelineSql({ sink: ", delivery = 'exactly_once', 'sink.sole_writer' = 'false'" })),
  ...asItCame,
  output: forChain,
};

/** Some rows only, and each to a subject of its own. */
export const filtered: ChaosSetup = {
  ...byCommand(
    pipelineSql({ select: "SELECT n FROM input WHERE n % 3 <> 0", sink: ", delivery = 'exactly_once'" }).replace(
      "'out.rows'",
      "'out.{n}'",
    ),
  ),
  output: forAtomic,
  expected: (n) => (n % 3 === 0 ? [] : [`out.${n} {"n":${n}}`]),
  read: (subject, payload) => `${subject} ${text(payload)}`,
};

/** Avro in, Protobuf out. The bytes are written down by hand: what the pipeline reads and writes is not asked of it. */
export const avroToProtobuf: ChaosSetup = {
  ...byCommand(`CREATE TABLE input (n BIGINT, label TEXT)
WITH (connector = 'nats', servers = '{{ NATS_URL }}', type = 'source', stream = 'INPUT', format = 'avro', 'avro.raw_datums' = 'true',
  'avro.schema' = '{"type":"record","name":"Item","fields":[{"name":"n","type":"long"},{"name":"label","type":"string"}]}');
CREATE TABLE output (n BIGINT, label TEXT)
WITH (connector = 'nats', servers = '{{ NATS_URL }}', type = 'sink', stream = 'OUTPUT', subject = 'out.rows', format = 'protobuf',
  'proto.message_name' = 'Item', 'proto.schema' = 'syntax = "proto3"; message Item { int64 n = 1; string label = 2; }',
  delivery = 'exactly_once');
INSERT INTO output SELECT * FROM input;
`),
  output: forAtomic,
  // Avro: a long in zigzag, then the length of the text, also a long, and the text.
  input: (n) => Buffer.concat([varint(2 * n), varint(2 * labelOf(n).length), bytes(labelOf(n))]),
  // Protobuf: field 1 as a varint, field 2 by its length.
  expected: (n) => [hex([Buffer.of(0x08), varint(n), Buffer.of(0x12, labelOf(n).length), bytes(labelOf(n))])],
  read: (_subject, payload) => hex([payload]),
};

/** A `Transform` of a program in TypeScript makes several rows of one, or none, or more than a transaction takes. */
export const fanOut: ChaosSetup = fanOutInto(forAtomic, { most: 1200 });
/** The same by a chain, which stops in the middle of an input more often than not. */
export const fanOutByChain: ChaosSetup = fanOutInto(forChain, { most: 1200 });
/** Other rows each time an input comes, and more than a transaction takes: all that are in the stream must be of one time. */
export const fanOutDrawn: ChaosSetup = fanOutInto(forAtomic, { most: 2500, draws: true });
export const fanOutDrawnByChain: ChaosSetup = fanOutInto(forChain, { most: 400, draws: true });

/** `most`: rows of one input; a transaction takes 999. */
function fanOutInto(
  output: object,
  { most, draws = false }: { readonly most: number; readonly draws?: boolean },
): ChaosSetup {
  const partsOf = (n: number): number => (n % 500 === 0 ? most : n % 4);
  const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
  return {
    output,
    input: (n) => bytes(`{"n":${n},"parts":${partsOf(n)}}`),
    prepare(folder, url) {
      const file = folder.write("job.mjs", transpile(readFileSync(here("fan-out-pipeline.ts"), "utf8")));
      symlinkSync(here("../node_modules"), join(folder.path, "node_modules"));
      const env = { NATS_URL: url, SOLE_WRITER: String(output === forChain), DRAWS: String(draws) };
      return (state) => startScript(file, [state], { cwd: folder.path, env });
    },
    expected(n, first = "{}") {
      const { drawn } = draws ? JSON.parse(first) : { drawn: 0 };
      return Array.from({ length: partsOf(n) }, (_, part) => `{"n":${n},"part":${part},"drawn":${drawn}}`);
    },
    read: (_subject, payload) => text(payload),
  };
}

const labelOf = (n: number): string => `item ${n}`;
const hex = (parts: readonly Uint8Array[]): string => Buffer.concat(parts).toString("hex");

/** Seven bits a byte, the lowest first. */
function varint(value: number): Uint8Array {
  const found: number[] = [];
  for (; value > 0x7f; value = Math.floor(value / 128)) found.push((value % 128) | 0x80);
  return Buffer.from([...found, value]);
}

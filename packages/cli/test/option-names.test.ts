import { readFileSync } from "node:fs";
import { isConnectorError } from "@x/connector-api";
import { parseScript } from "@x/sql";
import { describe, expect, test } from "vitest";
import { buildPipelines } from "../src/build-pipelines.js";
import { planPipelines } from "../src/plan-pipelines.js";
import { noExtensions } from "../src/plugin.js";

/** The SQL of the README: what a stranger types first, and mistypes. */
const readme = readFileSync(new URL("../../../README.md", import.meta.url), "utf8");
const blocks = [...readme.matchAll(/^```sql\n([\s\S]*?)^```$/gm)].map(([, sql = ""]) => sql);

async function failureOf(text: string): Promise<unknown> {
  const environment = { NATS_URL: "nats://127.0.0.1:4222" };
  const output = { stdout: process.stdout, onStdoutClosed: () => {} };
  return await planPipelines({ name: "readme", text, environment, profiles: {}, extensions: noExtensions })
    .then((pipelines) => buildPipelines(pipelines, output))
    .then(
      () => undefined,
      (error: unknown) => error,
    );
}

/** What fingers do to a name, once for each letter. */
function mutationsOf(name: string): readonly string[] {
  const mutated = [...name].flatMap((_, i) => [
    name.slice(0, i) + name.slice(i + 1),
    name.slice(0, i + 1) + name.slice(i),
    name.slice(0, i) + name.slice(i + 1, i + 2) + name.slice(i, i + 1) + name.slice(i + 2),
    `${name.slice(0, i)}x${name.slice(i + 1)}`,
  ]);
  return [...new Set(mutated)].filter((one) => one !== name && one !== "");
}

describe.each(blocks.map((sql, i) => ({ sql, title: `SQL block ${i + 1} of the README` })))("$title", ({ sql }) => {
  test("compiles as it stands", async () => {
    expect(await failureOf(sql)).toBeUndefined();
  });

  test("every misspelt option name is named, in its place, with the right one proposed", async () => {
    const { tables } = await parseScript(sql);
    // A WHERE opens DuckDB each time, and no option is about it.
    const withoutWhere = sql.replaceAll(/ WHERE [^;]*/g, "");
    const wrong: string[] = [];
    let tried = 0;
    for (const [index, table] of tables.entries()) {
      const names = table.options.map(({ label }) => label);
      for (const name of names) {
        for (const mutation of mutationsOf(name).filter((one) => !names.includes(one))) {
          tried += 1;
          const text = replaceOption(withoutWhere, index, name, mutation);
          const error = await failureOf(text);
          const told = isConnectorError(error) ? `${error.code}: ${error.message}` : String(error);
          const expected = `OPTION_UNKNOWN: unknown option "${mutation}"; did you mean "${name}"?`;
          const line = isConnectorError(error) ? text.split("\n")[(error.place?.line ?? 0) - 1] : undefined;
          if (told !== expected || !line?.includes(mutation)) wrong.push(`${name} → ${mutation}: ${told}`);
        }
      }
    }
    expect(wrong).toEqual([]);
    expect(tried).toBeGreaterThan(200);
  });
});

/** The text with one option of one CREATE TABLE renamed. */
function replaceOption(sql: string, table: number, name: string, to: string): string {
  const statements = sql.split(/(?=CREATE TABLE)/);
  const withClause = (text: string): string =>
    text.replace(/WITH \([\s\S]*$/, (options) => options.replace(new RegExp(`\\b${name}(?=\\s*=)`), to));
  return statements.map((text, i) => (i === table ? withClause(text) : text)).join("");
}

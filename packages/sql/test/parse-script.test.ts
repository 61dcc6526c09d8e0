import { isConnectorError, printSqlType } from "@x/connector-api";
import { parseScript, planQuery } from "@x/sql";
import { describe, expect, it } from "vitest";
import { refusedQueries } from "./refused-queries.ts";
import { refusedTables } from "./refused-tables.ts";
import { good, tables } from "./statements.ts";

const firstLine = tables.split("\n").length - 1;

/** Parses and plans everything; the error, or undefined. */
async function failureOf(text: string): Promise<unknown> {
  try {
    const script = await parseScript(text);
    for (const query of script.queries) await planQuery(script, query);
    return undefined;
  } catch (error) {
    return error;
  }
}

describe("statements that are read", () => {
  it.each(good)("%s", async (sql) => {
    expect(await failureOf(tables + sql)).toBeUndefined();
  });
});

describe("statements that are refused", () => {
  it.each([...refusedTables, ...refusedQueries])("$sql", async ({ sql, code, at, says }) => {
    const error = await failureOf(tables + sql);
    if (!isConnectorError(error)) throw error ?? new Error("it was read");
    const place = error.place;
    expect({ code: error.code, at: `${(place?.line ?? 0) - firstLine}:${place?.column}` }).toEqual({ code, at });
    expect(error.message).toContain(says);
    expect(place?.length).toBeGreaterThan(0);
  });
});

describe("CREATE TABLE", () => {
  it("gives columns, metadata, options and places", async () => {
    const { tables: found } = await parseScript(`CREATE TABLE "my é" (
  Delay INT NOT NULL, subject TEXT METADATA FROM 'subject', s STRUCT<"a b" BIGINT UNSIGNED NOT NULL>
) WITH (Connector = 'nats', 'Auth.Type' = jwt, 'header.X-Id' = '{id}', ack_wait = 30s, note = 'it''s', n = -1);`);
    const table = found[0];
    expect(table?.name).toBe("my é");
    expect(table?.place).toEqual({ line: 1, column: 14, length: 6 });
    expect(table?.schema.columns.map((column) => [column.name, printSqlType(column.type), column.nullable])).toEqual([
      ["Delay", "INT", false],
      ["subject", "TEXT", true],
      ["s", 'STRUCT<"a b" BIGINT UNSIGNED NOT NULL>', true],
    ]);
    expect(table?.schema.columns[1]?.metadataKey).toBe("subject");
    expect(table?.columnPlaces.get("s")).toEqual({ line: 2, column: 61, length: 1 });
    expect(table?.options.map(({ name, label, value }) => [name, label, value])).toEqual([
      ["connector", "Connector", "nats"],
      ["auth.type", "Auth.Type", "jwt"],
      ["header.X-Id", "header.X-Id", "{id}"],
      ["ack_wait", "ack_wait", "30s"],
      ["note", "note", "it's"],
      ["n", "n", "-1"],
    ]);
    expect(table?.options[0]?.place).toEqual({ line: 3, column: 21, length: 6 });
  });

  it("reads both spellings of a metadata column as the same", async () => {
    const read = async (column: string) =>
      (await parseScript(`CREATE TABLE t (${column}) WITH (x = 1)`)).tables[0]?.schema;
    expect(await read("a TEXT METADATA FROM 'size'")).toEqual(
      await read("a TEXT GENERATED ALWAYS AS (metadata('size')) STORED"),
    );
  });

  it.each([
    "password = 'x' 'hunter2'",
    'password = "hunter2"x hunter2',
    "password = a hunter2",
    "password 'hunter2'",
    "password hunter2",
    "password = 'x' hunter2",
    "password = hunter2!",
  ])("shows no option value in an error: %s", async (option) => {
    const error = await failureOf(`CREATE TABLE t (a INT) WITH (${option})`);
    expect(isConnectorError(error) && error.code).toBe("SQL_SYNTAX");
    expect(String(error)).not.toContain("hunter2");
  });
});

import { type ConnectionSchema, ConnectorOptions, type Format, type Row } from "@x/connector-api";
import { describeFormat } from "@x/connector-api/testing";
import { expect, test } from "vitest";
import { builtinFormats } from "../src/index.ts";
import { fixtures } from "./format-fixtures.ts";

for (const [name, fixture] of Object.entries(fixtures)) describeFormat(name, fixture);

test("every format is in the corpus", () => {
  const covered = new Set(Object.values(fixtures).map(({ format }) => (format as { name: string }).name));
  expect([...covered].sort()).toEqual(builtinFormats.map(({ name }) => name).sort() as string[]);
});

test.each(Object.entries(fixtures).filter(([, { schema }]) => schema.columns.some(({ name }) => name === "note")))(
  "%s carries a text of 1 MB",
  async (_name, fixture) => {
    const { format, schema, rows } = fixture as unknown as { format: Format; schema: ConnectionSchema; rows: Row[] };
    const options = format.fromOptions(ConnectorOptions.fromObject(fixture.options ?? {}));
    const row = { ...rows[0], note: "é".repeat(512 * 1024) };
    const payload = (await format.openEncoder?.(options, { schema }))?.encode(row) ?? new Uint8Array();
    const read: Row[] = [];
    (await format.openDecoder?.(options, { schema }))?.decode(payload, read);
    expect(read).toEqual([row]);
  },
);

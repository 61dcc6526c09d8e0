import { expect, test } from "vitest";
import { createBySchemaId } from "../src/schema/by-schema-id.ts";
import { envelope } from "../src/schema/confluent-envelope.ts";

/** As many readers as are kept. */
const KEPT = 500;

test("of more schemas than are kept the one that was not met for the longest goes", async () => {
  const opened: number[] = [];
  const readers = createBySchemaId(async (id) => {
    opened.push(id);
    return `reader of ${id}`;
  });
  const meet = async (id: number): Promise<string> => {
    await readers.prepare(envelope(id));
    return readers.readerOf(envelope(id));
  };
  for (let id = 1; id <= KEPT; id++) await meet(id);
  // The oldest is still in use when one more comes.
  expect(await meet(1)).toBe("reader of 1");
  await meet(KEPT + 1);
  expect(opened).toHaveLength(KEPT + 1);
  expect(readers.prepare(envelope(1))).toBeUndefined();
  await meet(2);
  expect(opened.slice(KEPT)).toEqual([KEPT + 1, 2]);
});

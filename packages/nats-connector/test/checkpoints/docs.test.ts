import { readFileSync } from "node:fs";
import { parseCheckpoint } from "@x/connector-api";
import { expect, it } from "vitest";
import { decodeRecord, encodeRecord } from "../../src/jetstream/state-record.ts";

const docs = readFileSync(new URL("../../../../docs/checkpoints.md", import.meta.url), "utf8");

it("docs/checkpoints.md shows a record as it is", () => {
  const text = /```json\n([\s\S]*?)```/.exec(docs)?.[1] ?? "";
  const checkpoint = parseCheckpoint(JSON.parse(text));
  expect(checkpoint).toEqual(JSON.parse(text));
  const state = checkpoint.splits["0"];
  if (state === undefined) throw new Error("the example has no split");
  expect(encodeRecord(decodeRecord(state))).toEqual(state);
});

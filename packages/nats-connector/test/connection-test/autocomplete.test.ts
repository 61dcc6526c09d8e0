import { parseColumn } from "@x/connector-api";
import { expect, test } from "vitest";
import { guessColumns } from "../../src/connection-test/guess-columns.js";
import { natsConnector } from "../../src/nats-connector.js";
import { admin, withServer } from "./test-fixture.js";

const fixture = withServer({ looker: 'publish: ["$JS.API.STREAM.NAMES"], subscribe: ["_INBOX.>"]' });
const complete = (auth: object, signal = new AbortController().signal): Promise<Record<string, readonly string[]>> => {
  const connector = natsConnector({ environment: {} });
  const profile = connector.parseProfile({ servers: fixture.server.url, auth });
  return connector.autocomplete?.(profile, signal) as Promise<Record<string, readonly string[]>>;
};

test("streams, subjects, consumers and columns, and nothing is left behind", async () => {
  await fixture.jsm.streams.add({ name: "A", subjects: ["a.>"] });
  await fixture.jsm.streams.add({ name: "B", subjects: ["b.>"] });
  await fixture.jsm.consumers.add("A", { durable_name: "reader" });
  const js = fixture.client.jetstream();
  for (const subject of ["a.one", "a.two"]) await js.publish(subject, '{"id": 1, "at": "2026-01-31T08:00:00Z"}');
  await js.publish("b.raw", "not JSON");
  const before = await fixture.inventory();
  expect(await complete(admin)).toEqual({
    stream: ["A", "B"],
    subject: ["a.one", "a.two", "b.raw"],
    filterSubjects: ["a.one", "a.two", "b.raw"],
    "A.subjects": ["a.one", "a.two"],
    "A.consumers": ["reader"],
    "A.columns": ["id BIGINT", "at TIMESTAMP"],
    "B.subjects": ["b.raw"],
    "B.consumers": [],
  });
  expect(await fixture.inventory()).toEqual(before);
});

test("what this user may not see is left out; no way in and a stop are errors", async () => {
  const looker = { type: "credentials", username: "looker", password: "right" };
  expect(await complete(looker)).toEqual({ stream: ["A", "B"], subject: [], filterSubjects: [] });
  await expect(complete({ ...looker, password: "wrong" })).rejects.toMatchObject({ code: "AUTH_FAILED" });
  await expect(complete(admin, AbortSignal.abort())).rejects.toMatchObject({ code: "ABORTED" });
});

test("columns are guessed as wide as is safe, in the words of CREATE TABLE", () => {
  const guess = (...documents: unknown[]): readonly string[] | undefined =>
    guessColumns(documents.map((document) => Buffer.from(JSON.stringify(document))));
  const columns = guess(
    { i: 1, d: 1, s: "x", b: true, u: "0b9a6a3e-7d4e-4a51-9c41-0f6a4f6a1b11", day: "2026-01-31", none: null },
    { i: 2, d: 1.5, s: null, mixed: 1, list: [1, 2], of: { a: "x", 'b"c': [{ d: 1 }] }, empty: {}, "odd name": 1 },
    { mixed: "1", list: [], late: true },
  );
  expect(columns).toEqual([
    ...["i BIGINT", "d DOUBLE", "s TEXT", "b BOOLEAN", "u UUID", "day DATE", "none TEXT", "mixed JSON"],
    ...["list BIGINT[]", 'of STRUCT<a TEXT, "b""c" STRUCT<d BIGINT>[]>', "empty JSON", '"odd name" BIGINT'],
    "late BOOLEAN",
  ]);
  for (const column of columns ?? []) {
    const type = /^(?:\w+|"(?:[^"]|"")+") (.+)$/.exec(column)?.[1] ?? "";
    expect(parseColumn("c", type)).toMatchObject({ nullable: true });
  }
  expect(guess([1])).toBeUndefined();
  expect(guess()).toBeUndefined();
  expect(guess({}, "text")).toBeUndefined();
});

import { type ConnectionSchema, defineSchema, type Row } from "@x/connector-api";
import { startNatsServer } from "@x/nats-testkit";
import { expect, it } from "vitest";
import { createJetStreamSink } from "../../src/sink/jetstream-sink.ts";
import { compileSubjectTemplate } from "../../src/sink/subject-template.ts";
import { batchOf, createContext, jetStreamSettings, observe } from "./sink-fixture.ts";

/** A column type, a value of it, and its text in a template; `undefined` where it has none. */
const types: readonly (readonly [type: string, value: unknown, text: string | undefined, inSubject: boolean])[] = [
  ["BOOLEAN", true, "true", true],
  ["BOOLEAN", false, "false", true],
  ["SMALLINT", -32768, "-32768", true],
  ["INT", 0, "0", true],
  ["BIGINT", 9007199254740993n, "9007199254740993", true],
  ["BIGINT", -7, "-7", true],
  ["TEXT", "größe", "größe", true],
  ["UUID", "0b8e0a3c-5f0e-4c52-9f0a-6d1f3ad6b001", "0b8e0a3c-5f0e-4c52-9f0a-6d1f3ad6b001", true],
  ["DATE", "2026-01-31", "2026-01-31", true],
  ["TIME", "23:59:59", "23:59:59", true],
  ["DECIMAL(20,0)", "-12345678901234567890", "-12345678901234567890", true],
  ["DECIMAL(10,2)", "12.30", "12.30", false],
  ["REAL", 0.5, "0.5", false],
  ["DOUBLE", 1e21, "1e+21", false],
  ["TIMESTAMP", new Date(5), "1970-01-01T00:00:00.005Z", false],
  ["TIMESTAMP(6)", -1n, "1969-12-31T23:59:59.999999Z", false],
  ["TIMESTAMP(9)", 1_700_000_000_123_456_789n, "2023-11-14T22:13:20.123456789Z", false],
  ["BYTEA", new Uint8Array([1]), undefined, false],
  ["JSON", { a: 1 }, undefined, false],
  ["INT[]", [1, 2], undefined, false],
  ["STRUCT<x INT>", { x: 1 }, undefined, false],
];

it("every type has one text in subjects, headers and ids, as a server stores it, or is refused at the start", async () => {
  await using server = await startNatsServer();
  await using observer = await observe(server.url);
  await observer.createStream({ name: "OUT" });
  const expected: string[][] = [];
  for (const [index, [type, value, text, inSubject]] of types.entries()) {
    const schema: ConnectionSchema = defineSchema({ v: type as "TEXT", n: "INT NOT NULL" });
    const settings = (subject: string) => ({
      ...jetStreamSettings({ url: server.url, subject, headers: { "X-V": "<{v}>" }, messageId: "{n}-{v}" }),
      schema,
    });
    const open = (): ReturnType<typeof createJetStreamSink> =>
      createJetStreamSink(settings(inSubject ? "out.{v}.{n}" : "out.row.{n}"));
    if (!inSubject) {
      expect(() => compileSubjectTemplate("out.{v}", schema), type).toThrowError(
        expect.objectContaining({ code: "OPTION_INVALID" }),
      );
    }
    if (text === undefined) {
      expect(open, type).toThrowError(expect.objectContaining({ code: "OPTION_INVALID" }));
      continue;
    }
    expected.push([inSubject ? `out.${text}.${index}` : `out.row.${index}`, `<${text}>`, `${index}-${text}`]);
    const sink = open();
    await sink.open(createContext());
    await sink.processBatch(batchOf([{ v: value, n: index } as Row]));
    await sink.flush({ checkpointId: 1, final: true });
    await sink.close();
  }
  const stored = await observer.messagesOf("OUT");
  expect(stored.map(({ subject, headers }) => [subject, headers?.get("X-V"), headers?.get("Nats-Msg-Id")])).toEqual(
    expected,
  );
});

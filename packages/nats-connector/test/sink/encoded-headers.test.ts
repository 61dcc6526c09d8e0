import { fc, test } from "@fast-check/vitest";
import { defineSchema, isConnectorError, type Row } from "@x/connector-api";
import { MsgHdrsImpl } from "nats";
import { describe, expect, it } from "vitest";
import { sequenceOf } from "../../src/jetstream/position.ts";
import { compileHeaders, type HeaderOptions } from "../../src/sink/encoded-headers.ts";
import { openLineage } from "../../src/sink/lineage.ts";
import { createContext } from "./sink-fixture.ts";

const schema = defineSchema({
  id: "BIGINT NOT NULL",
  note: "TEXT",
  ratio: "DOUBLE",
  at: "TIMESTAMP",
  micros: "TIMESTAMP(6)",
  nanos: "TIMESTAMP(9)",
  blob: "BYTEA",
});
const none: HeaderOptions = { fixed: {}, templates: {} };
const textOf = (options: Partial<HeaderOptions>, row: Row): string =>
  Buffer.from(compileHeaders({ ...none, ...options }, schema).encode(row, "1.1.1", 0) ?? []).toString();
const read = (bytes: Uint8Array): MsgHdrsImpl => MsgHdrsImpl.decode(bytes);

describe("headers of a sink", () => {
  it("are nothing, or made once when no column is in them", () => {
    expect(compileHeaders(none, schema).encode({ id: 1 }, 1, 0)).toBeUndefined();
    const constant = compileHeaders({ fixed: { "Nats-Expected-Stream": "S" }, templates: { Kind: "row" } }, schema);
    expect(constant.encode({ id: 1 }, 1, 0)).toBe(constant.constant);
    expect(Buffer.from(constant.constant ?? []).toString()).toBe(
      "NATS/1.0\r\nNats-Expected-Stream: S\r\nKind: row\r\n\r\n",
    );
  });

  it("hold the message id and the templates of a row", () => {
    const text = textOf(
      { fixed: { F: "1" }, messageId: "m-{id}", templates: { A: "{note}/{ratio}" } },
      { id: 7, note: "ä", ratio: 0.5 },
    );
    expect(text).toBe("NATS/1.0\r\nF: 1\r\nA: ä/0.5\r\nNats-Msg-Id: m-7\r\n\r\n");
  });

  it("print timestamps as RFC 3339 with their digits", () => {
    const row = { at: new Date(5), micros: -1n, nanos: 1_700_000_000_123_456_789n };
    const text = textOf({ templates: { A: "{at}", B: "{micros}", C: "{nanos}" } }, row);
    expect(text).toContain("A: 1970-01-01T00:00:00.005Z\r\n");
    expect(text).toContain("B: 1969-12-31T23:59:59.999999Z\r\n");
    expect(text).toContain("C: 2023-11-14T22:13:20.123456789Z\r\n");
  });

  it("leave a header out when a column in it is null, but refuse a message id of null", () => {
    expect(textOf({ templates: { A: "x{note}" } }, { id: 1, note: null })).toBe("NATS/1.0\r\n\r\n");
    for (const note of [null, "", " a", "a "]) {
      expect(() => textOf({ messageId: "{note}" }, { id: 1, note })).toThrowError(
        expect.objectContaining({ code: "BAD_DATA", context: { column: "note" } }),
      );
    }
  });

  it.each([
    [{ templates: { "A:B": "x" } }, /header name/],
    [{ templates: { "A B": "x" } }, /header name/],
    [{ templates: { "nats-msg-id": "{id}" } }, /use message_id/],
    [{ templates: { "Nats-Expected-Last-Sequence": "1" } }, /the sink sets it itself/],
    [{ templates: { A: "x\r\nB: y" } }, /line breaks/],
    [{ templates: { A: "{nope}" } }, /header.A: unknown column "nope"/],
    [{ templates: { A: "{blob}" } }, /has no text form/],
    [{ messageId: "constant" }, /same for every row/],
  ])("refuse %j", (options, message) => {
    expect(() => compileHeaders({ ...none, ...options }, schema)).toThrow(message);
  });

  it("of lineage name the input of a row, and which output of it this is", () => {
    const origin = { stream: "IN", splits: ["0"], sequenceOf };
    const context = {
      ...createContext(),
      origin,
      identity: { pipeline: "a\nb", jobId: "j", epoch: 1, instanceId: "i" },
    };
    const options = { ...none, templates: { A: "{id}" }, lineage: true };
    const encoder = compileHeaders(options, schema, openLineage(context));
    expect(encoder.constant).toBeUndefined();
    const fixed = "NATS/1.0\r\nX-Source-Stream: IN\r\nX-Pipeline: a_b\r\nX-Job: j\r\n";
    const own = (index: number): string => Buffer.from(encoder.encode({ id: 1 }, "12.3.45", index) ?? []).toString();
    expect(own(0)).toBe(`${fixed}X-Source-Sequence: 12\r\nA: 1\r\n\r\n`);
    expect(own(2)).toBe(`${fixed}X-Source-Sequence: 12\r\nX-Source-Index: 2\r\nA: 1\r\n\r\n`);
    expect(() => compileHeaders({ ...options, templates: { "x-job": "x" } }, schema)).toThrow(/lineage = true sets it/);
    expect(() => openLineage(createContext())).toThrow(/JetStream stream/);
  });

  it("stay as they were however many follow, of any length, and whatever is refused between them", () => {
    const encoder = compileHeaders({ ...none, messageId: "{id}", templates: { A: "{note}" } }, schema);
    const noteOf = (id: number): string => (id % 2 === 0 ? "n" : "ß").repeat(1 + ((id * id * 37) % 90));
    const kept = Array.from({ length: 20_000 }, (_, id) => {
      if (id % 7 === 0) expect(() => encoder.encode({ id: null, note: noteOf(id) }, id, 0)).toThrow("message_id");
      return encoder.encode({ id, note: id === 5000 ? "x".repeat(200_000) : noteOf(id) }, id, 0) ?? new Uint8Array();
    });
    kept.forEach((bytes, id) => {
      const note = id === 5000 ? "x".repeat(200_000) : noteOf(id);
      if (Buffer.from(bytes).toString() !== `NATS/1.0\r\nA: ${note}\r\nNats-Msg-Id: ${id}\r\n\r\n`)
        throw new Error(`header ${id} changed`);
    });
  });

  test.prop([
    fc.oneof(
      fc.string({ unit: "binary" }),
      fc.string({ unit: fc.constantFrom("\r", "\n", ":", " ", "a", "\0", "\ud800") }),
    ),
  ])("never let a value out of its header", (note) => {
    let bytes: Uint8Array | undefined;
    try {
      bytes = compileHeaders({ fixed: {}, messageId: "{id}", templates: { A: "[{note}]" } }, schema).encode(
        { id: 1, note },
        1,
        0,
      );
    } catch (error) {
      if (!isConnectorError(error)) throw error;
      expect(error.code).toBe("BAD_DATA");
      return;
    }
    const headers = read(bytes ?? new Uint8Array());
    expect(headers.keys()).toEqual(["A", "Nats-Msg-Id"]);
    expect(headers.get("A")).toBe(`[${note}]`);
  });
});

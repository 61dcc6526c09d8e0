import { headers } from "nats";
import { describe, expect, it } from "vitest";
import { encodeLetterHeaders } from "../../src/dead-letter/letter-headers.js";
import { encodeRowAsJson } from "../../src/dead-letter/row-json.js";

const facts = {
  "X-Error-Code": "BAD_DATA",
  "X-Error": "why",
  "X-Stream": undefined,
  "Nats-Msg-Id": "p:S:1",
  "Nats-Expected-Stream": "DLQ",
};
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

describe("headers of a dead letter", () => {
  it("keeps originals, and those that mean something here or to the server under another name", () => {
    const original = headers();
    for (const [name, value] of [
      ["Trace", "a"],
      ["Trace", "b"],
      ["x-error", "old"],
      ["Nats-Rollup", "all"],
      ["Nats-TTL", "1s"],
    ] as const) {
      original.append(name, value);
    }
    expect(text(encodeLetterHeaders(facts, original)).split("\r\n")).toEqual([
      "NATS/1.0",
      "X-Error-Code: BAD_DATA",
      "X-Error: why",
      "Nats-Msg-Id: p:S:1",
      "Nats-Expected-Stream: DLQ",
      "Trace: a",
      "Trace: b",
      "X-Original-x-error: old",
      "X-Original-Nats-Rollup: all",
      "X-Original-Nats-TTL: 1s",
      "",
      "",
    ]);
  });

  it("lets no value break out, and cuts long ones", () => {
    const block = text(encodeLetterHeaders({ ...facts, "X-Error": `a\r\nNats-Rollup: all\u0000${"x".repeat(5000)}` }));
    expect(block).toContain("X-Error: a  Nats-Rollup: all x");
    expect(block.length).toBeLessThan(1200);
  });
});

it("prints any row as JSON", () => {
  const cycle: unknown[] = [];
  cycle.push(cycle);
  const row = {
    a: 2n ** 63n,
    b: Uint8Array.of(0, 255),
    c: new Date(0),
    d: Number.NaN,
    e: undefined,
    f: [{ g: "é\n" }],
  };
  expect(text(encodeRowAsJson({ ...row, h: cycle } as never))).toBe(
    '{"a":9223372036854775808,"b":"AP8=","c":"1970-01-01T00:00:00.000Z","d":"NaN","e":null,"f":[{"g":"é\\n"}],"h":[null]}',
  );
});

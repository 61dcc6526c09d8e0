import { describe, expect, it } from "vitest";
import { ConnectorError, createCounters, createSinkEncoder, type Encoder, failOnBadData } from "../src/index.js";

const encoder: Encoder = {
  encode(row) {
    if (row.value === "bad") throw new ConnectorError("BAD_DATA", 'column "value": expected INT, got string');
    if (row.value === "mistake") throw new TypeError("mistake");
    return Buffer.from(String(row.value));
  },
};

describe("createSinkEncoder", () => {
  it("gives the payload of a row", () => {
    const counters = createCounters();
    expect(createSinkEncoder(encoder, failOnBadData, counters).encode({ value: 5 })).toEqual(Buffer.from("5"));
    expect(counters.badRows).toBe(0);
  });

  it("fails on a refused row, and counts it", () => {
    const counters = createCounters();
    const sink = createSinkEncoder(encoder, failOnBadData, counters);
    expect(() => sink.encode({ value: "bad" })).toThrow(expect.objectContaining({ code: "BAD_DATA" }));
    expect(counters.badRows).toBe(1);
  });

  it("drops and counts refused rows, whoever refused them", () => {
    const counters = createCounters();
    const sink = createSinkEncoder(encoder, { behavior: "drop" }, counters);
    expect(sink.encode({ value: "bad" })).toBeUndefined();
    sink.refuse(new ConnectorError("MESSAGE_TOO_LARGE", "9 bytes, the server takes 8"));
    expect(counters.badRows).toBe(2);
  });

  it("gives refused rows to the dead letters, with their place", () => {
    const counters = createCounters();
    const kept: unknown[] = [];
    const letters = { add: (error: unknown, refused: unknown) => void kept.push([error, refused]), hasRoom: true };
    const policy = { behavior: "dead_letter", subject: "dlq" } as const;
    const sink = createSinkEncoder(encoder, policy, counters, { ...letters, room: async () => {} });
    const rows = [{ value: 1 }, { value: "bad" }];
    const batch = { rows, split: "s", positions: [7, 8], end: 8 };
    expect(rows.map((row, index) => sink.encode(row, batch, index))).toEqual([Buffer.from("1"), undefined]);
    const late = new ConnectorError("MESSAGE_TOO_LARGE", "9 bytes, the server takes 8");
    sink.refuse(late, { payload: Buffer.from("1") });
    const bad = expect.objectContaining({ code: "BAD_DATA" });
    expect(kept).toEqual([
      [bad, { row: rows[1], split: "s", position: 8 }],
      [late, { payload: Buffer.from("1") }],
    ]);
    expect(counters.badRows).toBe(2);
    expect(() => sink.refuse(new ConnectorError("CONNECTION_LOST", "gone"))).toThrow("gone");
    expect(() => createSinkEncoder(encoder, policy, counters)).toThrow(
      expect.objectContaining({ code: "UNSUPPORTED" }),
    );
  });

  it("lets everything else through", () => {
    const counters = createCounters();
    const sink = createSinkEncoder(encoder, { behavior: "drop" }, counters);
    expect(() => sink.encode({ value: "mistake" })).toThrow(TypeError);
    expect(() => sink.refuse(new ConnectorError("CONNECTION_LOST", "gone"))).toThrow("gone");
    expect(counters.badRows).toBe(0);
  });
});

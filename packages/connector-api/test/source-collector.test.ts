import { setImmediate as turn } from "node:timers/promises";
import { beforeEach, describe, expect, it } from "vitest";
import {
  ConnectorError,
  createCounters,
  createSourceCollector,
  type Decoder,
  type Deserialization,
  type Downstream,
  type RecordBatch,
  type SourceCollector,
} from "../src/index.js";

interface Message {
  readonly seq: number;
}

/** `a,b` gives two rows; a part that begins with `!` is bad data, `?` a mistake in the decoder. */
const decoder: Decoder = {
  decode(payload, rows) {
    for (const part of Buffer.from(payload).toString().split(",")) {
      if (part.startsWith("!"))
        throw new ConnectorError("BAD_DATA", "expected TEXT, got integer", { context: { at: 1 } });
      if (part.startsWith("?")) throw new TypeError("mistake");
      if (part !== "") rows.push({ value: part });
    }
  },
};

describe("createSourceCollector", () => {
  let batches: RecordBatch[];
  let sizes: number[];
  let idle: boolean;
  let counters: ReturnType<typeof createCounters>;
  let downstream: Downstream;
  beforeEach(() => {
    // Arrays of its own for each test: a collector may hand on after its test has ended.
    const accepted: RecordBatch[] = [];
    const acceptedSizes: number[] = [];
    batches = accepted;
    sizes = acceptedSizes;
    idle = true;
    counters = createCounters();
    downstream = {
      accept: (batch, bytes) => {
        accepted.push(batch);
        acceptedSizes.push(bytes);
      },
      get idle() {
        return idle;
      },
      hasRoom: true,
      room: async () => {},
    };
  });

  const open = (
    given: Partial<Deserialization<Message>> = {},
    maxRows?: number,
    maxBytes?: number,
  ): SourceCollector => {
    const limits = { ...(maxRows && { maxRows }), ...(maxBytes && { maxBytes }) };
    const collector = createSourceCollector({ downstream, counters, ...limits });
    collector.initialize<Message>({
      decoder,
      badData: { behavior: "fail" },
      metadata: [],
      describe: ({ seq }) => `orders #${seq}`,
      ...given,
    });
    return collector;
  };
  const feed = (collector: SourceCollector, ...payloads: string[]): void => {
    const split = collector.split<Message>("s");
    for (const [i, text] of payloads.entries()) split.collect(Buffer.from(text), i + 1, { seq: i + 1 });
  };

  it("gives rows of one message one position, and the end after the last input", () => {
    const collector = open();
    feed(collector, "a,b", "", "c");
    expect(collector.split("s").handedOn).toBeUndefined();
    collector.flush();
    const rows = [{ value: "a" }, { value: "b" }, { value: "c" }];
    expect(batches).toEqual([{ rows, split: "s", positions: [1, 1, 3], end: 3 }]);
    expect(sizes).toEqual([4]);
    expect(collector.split("s").handedOn).toBe(3);
    expect(counters.rowsIn).toBe(3);
  });

  it("hands on at the row limit and at the byte limit", () => {
    feed(open({}, 2), "a", "b", "c");
    expect(batches.map((batch) => batch.end)).toEqual([2]);
    feed(open({}, 1000, 4), "aa", "bb", "c");
    expect(batches.map((batch) => batch.end)).toEqual([2, 2]);
  });

  it("hands a lone row on at the end of the turn, but waits while downstream is busy", async () => {
    const collector = open();
    feed(collector, "a");
    await turn();
    expect(batches).toHaveLength(1);
    idle = false;
    feed(collector, "b");
    await turn();
    expect(batches).toHaveLength(1);
    collector.flush();
    expect(batches).toHaveLength(2);
  });

  it("keeps splits apart", () => {
    const collector = open();
    collector.split<Message>("a").collect(Buffer.from("x"), 1, { seq: 1 });
    collector.split<Message>("b").collect(Buffer.from("y"), 9, { seq: 9 });
    collector.flush();
    expect(batches.map(({ split, end }) => [split, end])).toEqual([
      ["a", 1],
      ["b", 9],
    ]);
    expect(collector.split("a")).toBe(collector.split("a"));
  });

  it("moves the position over input without rows", () => {
    const collector = open({ badData: { behavior: "drop" } });
    collector.split<Message>("s").advance(5);
    collector.flush();
    feed(collector, "!bad");
    collector.flush();
    expect(batches.map(({ rows, end }) => [rows.length, end])).toEqual([
      [0, 5],
      [0, 1],
    ]);
  });

  it("drops and counts bad data, whole messages at a time", () => {
    const collector = open({ badData: { behavior: "drop" } });
    feed(collector, "a", "b,!c,d", "e");
    collector.flush();
    expect(batches[0]?.rows).toEqual([{ value: "a" }, { value: "e" }]);
    expect(counters).toMatchObject({ badRows: 1, rowsIn: 2 });
  });

  it("fails on bad data with the message's place, and keeps the input out of the batch", () => {
    const collector = open();
    expect(() => feed(collector, "a", "b,!c")).toThrow(
      expect.objectContaining({
        code: "BAD_DATA",
        message: "orders #2: expected TEXT, got integer",
        context: { at: 1 },
      }),
    );
    collector.flush();
    expect(batches).toEqual([{ rows: [{ value: "a" }], split: "s", positions: [1], end: 1 }]);
    expect(counters.badRows).toBe(1);
  });

  it.each(["fail", "drop"] as const)("lets a mistake in the decoder through under %s", (behavior) => {
    const collector = open({ badData: { behavior } });
    expect(() => feed(collector, "?")).toThrow(TypeError);
    expect(counters.badRows).toBe(0);
  });

  it("adds metadata, read once per message", () => {
    let reads = 0;
    const collector = open({
      metadata: [
        ["seq", ({ seq }) => seq],
        ["n", () => ++reads],
      ],
    });
    feed(collector, "a,b", "c");
    collector.flush();
    expect(batches[0]?.rows).toEqual([
      { value: "a", seq: 1, n: 1 },
      { value: "b", seq: 1, n: 1 },
      { value: "c", seq: 2, n: 2 },
    ]);
  });

  it("treats missing metadata as bad data of the whole message", () => {
    const read = (): never => {
      throw new ConnectorError("BAD_DATA", 'column "id": expected TEXT NOT NULL, got no header X-Id');
    };
    const collector = open({ badData: { behavior: "drop" }, metadata: [["id", read]] });
    feed(collector, "a,b");
    collector.flush();
    expect(batches).toEqual([{ rows: [], split: "s", positions: [], end: 1 }]);
    expect(counters.badRows).toBe(1);
  });

  describe("with framing", () => {
    const framing = { method: "newline", maxLineLength: 5 } as const;

    it("decodes every line at the position of its message", () => {
      const collector = open({ framing, metadata: [["seq", ({ seq }) => seq]] });
      feed(collector, "a\nb,c\n", "d");
      collector.flush();
      expect(batches[0]?.positions).toEqual([1, 1, 1, 2]);
      expect(batches[0]?.rows.at(-1)).toEqual({ value: "d", seq: 2 });
    });

    it("drops bad and over-long lines alone", () => {
      const collector = open({ framing, badData: { behavior: "drop" } });
      feed(collector, "a\n!b\nabcdefg\nc");
      collector.flush();
      expect(batches[0]?.rows).toEqual([{ value: "a" }, { value: "c" }]);
      expect(counters.badRows).toBe(2);
    });

    it("fails without any row of the message", () => {
      const collector = open({ framing });
      expect(() => feed(collector, "a", "b\nabcdefg")).toThrow("orders #2: a line of 7 bytes");
      collector.flush();
      expect(batches).toEqual([{ rows: [{ value: "a" }], split: "s", positions: [1], end: 1 }]);
    });
  });

  it("refuses a split before initialize", () => {
    const collector = createSourceCollector({ downstream, counters });
    expect(() => collector.split("s")).toThrow("split() before initialize()");
  });
});

import { describe, expect, it } from "vitest";
import {
  ConnectorError,
  createCounters,
  createSourceCollector,
  type DeadLetters,
  type Decoder,
  type Deserialization,
  type RecordBatch,
  type RefusedInput,
} from "../src/index.js";

interface Message {
  readonly seq: number;
}

const decoder: Decoder = {
  decode(payload, rows) {
    const text = Buffer.from(payload).toString("latin1");
    if (text.startsWith("!")) throw new ConnectorError("BAD_DATA", "expected TEXT, got integer");
    rows.push({ value: text });
  },
};

function withResolvers(): { promise: Promise<void>; resolve: () => void } {
  let resolve = (): void => {};
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

function open(given: Partial<Deserialization<Message>> = {}) {
  const batches: RecordBatch[] = [];
  const counters = createCounters();
  const kept: { text: string; line: number | undefined; seq: number; code: string }[] = [];
  let room = withResolvers();
  let hasRoom = true;
  const deadLetters: DeadLetters<RefusedInput<Message>> = {
    add({ code }, { payload, line, message }) {
      kept.push({ text: Buffer.from(payload).toString("latin1"), line, seq: message.seq, code });
    },
    get hasRoom() {
      return hasRoom;
    },
    room: () => room.promise,
  };
  const downstream = {
    accept: (batch: RecordBatch) => void batches.push(batch),
    idle: false,
    hasRoom: true,
    room: async () => {},
  };
  const collector = createSourceCollector({ downstream, counters });
  const badData = { behavior: "dead_letter", subject: "dlq" } as const;
  collector.initialize<Message>({
    decoder,
    badData,
    deadLetters,
    metadata: [],
    describe: ({ seq }) => `#${seq}`,
    ...given,
  });
  const split = collector.split<Message>("s");
  const feed = (seq: number, text: string): void => split.collect(Buffer.from(text, "latin1"), seq, { seq });
  const fill = (): void => {
    hasRoom = false;
    room = withResolvers();
  };
  const empty = (): void => {
    hasRoom = true;
    room.resolve();
  };
  return { batches, counters, kept, collector, split, feed, fill, empty };
}

describe("a collector with dead letters", () => {
  it("gives refused payloads away before the batch that passes over them, and goes on", () => {
    const { batches, counters, kept, collector, feed } = open();
    feed(1, "a");
    feed(2, "!\u00ff\u0000");
    expect(kept).toEqual([{ text: "!\u00ff\u0000", line: undefined, seq: 2, code: "BAD_DATA" }]);
    expect(batches).toEqual([]);
    feed(3, "b");
    collector.flush();
    expect(batches).toMatchObject([{ positions: [1, 3], end: 3 }]);
    expect(counters).toMatchObject({ rowsIn: 2, badRows: 1 });
  });

  it("gives single lines away, byte for byte, with their number", () => {
    const { batches, kept, collector, feed } = open({ framing: { method: "newline", maxLineLength: 4 } });
    feed(1, "a\n\n!x\r\ntoo long\nb\n!y");
    collector.flush();
    expect(batches.flatMap((batch) => batch.rows)).toEqual([{ value: "a" }, { value: "b" }]);
    expect(kept.map(({ text, line }) => [text, line])).toEqual([
      ["!x", 3],
      ["too long", 4],
      ["!y", 6],
    ]);
  });

  it("has no room while the dead letters have none", async () => {
    const { collector, fill, empty } = open();
    expect(collector.hasRoom).toBe(true);
    fill();
    expect(collector.hasRoom).toBe(false);
    let waiting = true;
    const room = collector.room().then(() => {
      waiting = false;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(waiting).toBe(true);
    empty();
    await room;
    expect(collector.hasRoom).toBe(true);
  });

  it("refuses the policy without dead letters", () => {
    expect(() => open({ deadLetters: undefined })).toThrow(expect.objectContaining({ code: "UNSUPPORTED" }));
  });
});

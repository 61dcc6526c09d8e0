import { fc, test } from "@fast-check/vitest";
import { ConnectorError } from "@x/connector-api";
import { describe, expect, it } from "vitest";
import { createPubAckReader } from "../../src/sink/pub-ack.ts";
import { PublishWindow } from "../../src/sink/publish-window.ts";

const payload = (size: number): Uint8Array => new Uint8Array(size);

describe("a publish window", () => {
  it("resolves a wait when everything before it has ended, in whatever order", async () => {
    const window = new PublishWindow(8, 1000);
    for (let i = 0; i < 3; i++) window.add("s", payload(1), undefined);
    let done = false;
    const wait = window.drained().then(() => {
      done = true;
    });
    window.add("s", payload(1), undefined);
    window.settle(2);
    window.settle(0);
    await Promise.resolve();
    expect([window.head, done]).toEqual([1, false]);
    window.settle(1);
    await wait;
    expect(window.head).toBe(3);
  });

  it("is bounded in messages and bytes and gives room when half of it is free", async () => {
    const window = new PublishWindow(4, 100);
    window.add("s", payload(150), payload(10));
    expect([window.hasRoom, window.bytes]).toEqual([false, 160]);
    const room = window.room();
    expect(window.settle(0)).toBe(true);
    expect(window.settle(0)).toBe(false);
    await room;
    expect(window.bytes).toBe(0);
  });

  it("rejects every wait of now and later once it has failed", async () => {
    const window = new PublishWindow(1, 100);
    window.add("s", payload(1), undefined);
    const waits = [window.room(), window.drained()];
    const error = new ConnectorError("FENCED", "x");
    window.fail(error);
    window.fail(new ConnectorError("CLOSED", "y"));
    for (const wait of [...waits, window.room(), window.drained()]) await expect(wait).rejects.toBe(error);
  });

  test.prop([
    fc.array(fc.oneof(fc.constant("add" as const), fc.nat(40)), { maxLength: 200 }),
    fc.integer({ min: 1, max: 9 }),
  ])("keeps messages, order and bytes whatever is added and settled", (steps, capacity) => {
    const window = new PublishWindow(capacity, 1_000_000);
    const open = new Map<number, number>();
    for (const step of steps) {
      if (step === "add") {
        if (!window.hasRoom) continue;
        const n = window.add(`s${window.tail}`, payload(window.tail % 7), undefined);
        open.set(n, n % 7);
      } else expect(window.settle(step)).toBe(open.delete(step));
      expect(window.bytes).toBe([...open.values()].reduce((sum, size) => sum + size, 0));
      expect(window.head).toBe(Math.min(window.tail, ...open.keys()));
      for (const n of open.keys()) expect([window.subjectAt(n), window.payloadAt(n).length]).toEqual([`s${n}`, n % 7]);
    }
  });
});

describe("reading publish acknowledgements", () => {
  const message = (text: string, code = 0) => ({
    subject: "_INBOX.x.1",
    data: Buffer.from(text),
    ...(code === 0
      ? {}
      : { headers: { code, description: "", get: () => "", has: () => false, *[Symbol.iterator]() {} } }),
  });

  it("of a domain know good ones by their ends, too", () => {
    const read = createPubAckReader("S", "hub");
    expect(read(message('{"stream":"S","seq":1,"domain":"hub"}')).kind).toBe("stored");
    expect(read(message('{"stream":"S","seq":4711,"domain":"hub"}')).kind).toBe("stored");
    expect(read(message('{"stream":"S","seq":2,"domain":"hub","duplicate": true}')).kind).toBe("stored");
    expect(read(message('{"stream":"S","seq":3,"domain":"hub"}')).kind).toBe("stored");
    for (const text of [
      '{"stream":"S","seq":3,"domain":"leaf"}',
      '{"stream":"S","seq":3}',
      '{"stream":"S","seq":33}',
    ]) {
      expect(read(message(text)), text).toMatchObject({ kind: "other_stream", stream: "S" });
    }
  });

  it("knows good ones by their first bytes, and nothing else", () => {
    const read = createPubAckReader("S");
    expect(read(message('{"stream":"S", "seq":1}')).kind).toBe("stored");
    expect(read(message('{"stream":"S", "seq":12345}')).kind).toBe("stored");
    expect(read(message('{"stream":"S", "seq":2,"duplicate": true}')).kind).toBe("stored");
    expect(read(message('{"stream":"S","seq":3,"domain":"hub"}')).kind).toBe("stored");
    expect(read(message('{"stream":"S2", "seq":1}'))).toEqual({ kind: "other_stream", stream: "S2" });
    const full = { code: 503, err_code: 10077, description: "maximum messages exceeded" };
    const refusal = JSON.stringify({ error: full, stream: "S", seq: 0 });
    expect(read(message(refusal))).toEqual({ kind: "error", error: full });
    expect(read(message(JSON.stringify({ stream: "S", seq: 0, error: full })))).toEqual({ kind: "error", error: full });
    expect(read(message("", 503)).kind).toBe("no_responders");
    expect(read(message("+OK")).kind).toBe("error");
  });
});

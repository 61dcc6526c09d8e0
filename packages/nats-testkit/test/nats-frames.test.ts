import { connect, headers, type NatsConnection } from "nats";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type FaultProxy, isPublishAck, type NatsServer, startFaultProxy, startNatsServer } from "../src/index.ts";
import { createFrameReader, type FrameVerdict, type NatsFrame } from "../src/nats-frames.ts";
import { createRandom } from "../src/random.ts";

const traffic = [
  'INFO {"server_name":"x"}\r\n',
  'CONNECT {"verbose":false}\r\nPING\r\n+OK\r\n',
  "PUB a.b 5\r\nhello\r\n",
  "pub a.b _INBOX.1 0\r\n\r\n",
  "HPUB a.b _INBOX.1 16 21\r\nNATS/1.0\r\nA: b\r\nworld\r\n",
  "SUB a.> 1\r\nMSG a.b 1 11\r\nMSG a 1 2\r\n\r\n",
  "HMSG a.b 1 _R 14 14\r\nNATS/1.0 503\r\n\r\n",
  "-ERR 'no'\r\n",
].join("");

function readAll(chunks: readonly Buffer[], judge?: (frame: NatsFrame) => FrameVerdict): string {
  const read = createFrameReader();
  let text = "";
  for (const chunk of chunks) {
    const { pass, cut } = read(chunk, judge);
    text += Buffer.concat(pass).toString("latin1");
    if (cut) return `${text}|cut`;
  }
  return text;
}

/** The text in chunks of random sizes. */
function split(text: string, seed: number): Buffer[] {
  const random = createRandom(seed);
  const bytes = Buffer.from(text, "latin1");
  const chunks: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = Math.min(bytes.length, at + random.integer(1, 12));
    chunks.push(bytes.subarray(at, end));
    at = end;
  }
  return chunks;
}

describe("createFrameReader", () => {
  it("finds the same frames however the bytes are split, and hands on every byte", () => {
    for (let seed = 0; seed < 500; seed++) {
      const frames: string[] = [];
      const text = readAll(split(traffic, seed), ({ op, subject, reply, headers: head, payload }) => {
        frames.push([op, subject, reply, head.length, String(payload)].join(" "));
        return "pass";
      });
      expect(text).toBe(traffic);
      expect(frames).toEqual([
        "PUB a.b  0 hello",
        "PUB a.b _INBOX.1 0 ",
        "HPUB a.b _INBOX.1 16 world",
        "MSG a.b  0 MSG a 1 2\r\n",
        "HMSG a.b _R 14 ",
      ]);
      expect(readAll(split(traffic, seed))).toBe(traffic);
    }
  });

  it("drops a frame or cuts in its place", () => {
    const hello = "PUB a.b 5\r\nhello\r\n";
    for (let seed = 0; seed < 100; seed++) {
      const judge = (verdict: FrameVerdict) => (frame: NatsFrame) =>
        String(frame.payload) === "hello" ? verdict : "pass";
      expect(readAll(split(traffic, seed), judge("drop"))).toBe(traffic.replace(hello, ""));
      expect(readAll(split(traffic, seed), judge("cut"))).toBe(`${traffic.slice(0, traffic.indexOf(hello))}|cut`);
    }
  });

  it("passes a frame that had begun before there was a judge, and judges the next", () => {
    for (let at = 1; at <= 18; at++) {
      const read = createFrameReader();
      const bytes = Buffer.from("PUB a.b 5\r\nhello\r\nPUB c 2\r\nyo\r\n");
      const first = read(bytes.subarray(0, at)).pass;
      const { pass } = read(bytes.subarray(at), () => "drop");
      expect(Buffer.concat([...first, ...pass]).toString()).toBe("PUB a.b 5\r\nhello\r\n");
    }
  });

  it("leaves alone what is not the protocol", () => {
    const foreign = "\x16\x03\x01\r\nPUB a 1\r\nx\r\n";
    expect(readAll(split(foreign, 1), () => "drop")).toBe(foreign);
    const endless = "x".repeat(200_000);
    expect(readAll([Buffer.from(endless), Buffer.from("\r\nPUB a 1\r\nx\r\n")], () => "drop")).toContain("PUB a 1");
  });
});

describe("intercept", () => {
  let server: NatsServer;
  let proxy: FaultProxy;
  let connection: NatsConnection;

  beforeEach(async () => {
    server = await startNatsServer();
    proxy = await startFaultProxy({ target: server.url });
    connection = await connect({ servers: proxy.url, reconnectTimeWait: 20 });
    await (await connection.jetstreamManager()).streams.add({ name: "S", subjects: ["s.>"] });
  });
  afterEach(async () => {
    await connection.close();
    await proxy[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });

  it("drops the acks of some messages, which are stored all the same, until it is disposed", async () => {
    const jetstream = connection.jetstream();
    {
      using dropped = proxy.intercept("fromTarget", (frame) => {
        return isPublishAck(frame) && JSON.parse(String(frame.payload)).seq === 2 ? "drop" : "pass";
      });
      const results = await Promise.allSettled(
        ["1", "2", "3"].map((n) => jetstream.publish("s.x", n, { timeout: 500 })),
      );
      expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
      expect(dropped.hits).toBe(1);
    }
    const info = await (await connection.jetstreamManager()).streams.info("S");
    expect(info.state.messages).toBe(3);
    expect((await jetstream.publish("s.x", "4", { timeout: 5_000 })).seq).toBe(4);
  });

  it("cuts in place of the message that holds a header", async () => {
    using cuts = proxy.intercept("toTarget", ({ headers: head }) => (head.includes("Commit: 1") ? "cut" : "pass"));
    const reconnected = (async () => {
      for await (const { type } of connection.status()) if (type === "reconnect") return;
    })();
    const commit = headers();
    commit.set("Commit", "1");
    await connection.jetstream().publish("s.x", "staged");
    connection.publish("s.x", "commit", { headers: commit });
    await reconnected;
    expect(cuts.hits).toBe(1);
    expect((await (await connection.jetstreamManager()).streams.info("S")).state.messages).toBe(1);
  });
});

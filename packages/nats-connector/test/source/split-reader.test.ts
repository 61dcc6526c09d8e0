import { createCounters, createSourceCollector } from "@x/connector-api";
import { expect, test } from "vitest";
import { AckReplyReader } from "../../src/jetstream/ack-reply.js";
import type { NatsMessage } from "../../src/nats-client.js";
import { LagGauge } from "../../src/source/lag-gauge.js";
import { type ReadEnd, SplitReader } from "../../src/source/split-reader.js";

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("is not caught up while deliveries are on their way, although the consumer has nothing left", async () => {
  const counters = createCounters();
  const downstream = { accept() {}, idle: false, hasRoom: true, room: async () => {} };
  const collector = createSourceCollector({ counters, downstream });
  collector.initialize<NatsMessage>({
    decoder: { decode: (_, rows) => void rows.push({}) },
    badData: { behavior: "fail" },
    metadata: [],
    describe: () => "a message",
  });
  const ended: ReadEnd[] = [];
  const reader = new SplitReader({
    ...{ cursor: 0, target: 9, jumpsUntil: 9, passEnd: undefined, acks: undefined, head: undefined, seen: () => 0 },
    ...{
      collector,
      split: collector.split<NatsMessage>("0"),
      lag: new LagGauge(counters),
      replies: new AckReplyReader(),
    },
    ...{ quiet() {}, leaderMoved() {}, passOver: () => true, lookInto: () => new Promise(() => {}) },
    // The consumer has given out three, and there is none left: the rest of the stream is not for it.
    lastDelivery: async () => 3,
    ended: (end) => void ended.push(end),
  });
  const deliver = (n: number): void => {
    const reply = `$JS.ACK.IN.c.1.${n}.${n}.1700000000000000000.${9 - n}`;
    reader.message({ subject: "in", data: new Uint8Array(), reply } as NatsMessage, reply);
  };
  deliver(1);
  deliver(2);
  reader.idle(2);
  await turn();
  expect(ended).toEqual([]);
  deliver(3);
  reader.idle(3);
  await turn();
  expect(ended).toEqual([{ kind: "caught-up" }]);
});

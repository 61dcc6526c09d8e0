import { ConnectorError, type SourceSnapshot } from "@x/connector-api";
import { AckPolicy, RetentionPolicy } from "nats";
import { expect, test } from "vitest";
import type { OpenConnection } from "../../src/connection.js";
import type { ConsumerInfo, JetStreamApi } from "../../src/jetstream/api.js";
import { consumerName } from "../../src/jetstream/consumer-name.js";
import type { NatsClient } from "../../src/nats-client.js";
import type { JetStreamSourceTable } from "../../src/table-config.js";
import {
  connectTo,
  createHost,
  type HostOptions,
  jobId,
  type SourceHost,
  sharedSource,
  streamSource,
} from "./source-host.js";
import { range, withStreams } from "./stream-fixture.js";

// What is under way when something else happens: a question, its answer, a creation, an ack.

const fixture = withStreams();

type Table = Partial<JetStreamSourceTable> & { stream: string };
type Connect = ReturnType<typeof connectTo>;

/** Connects to the real server; requests go through what `change` puts in front of some of them. */
function connectVia(change: (api: JetStreamApi) => Partial<JetStreamApi>): Connect {
  return async (context) => {
    const connection = await connectTo(fixture.server.url)(context);
    const api = { ...connection.api, ...change(connection.api) };
    return Object.create(connection, { api: { value: api } }) as OpenConnection;
  };
}

function hostVia(
  change: (api: JetStreamApi) => Partial<JetStreamApi>,
  table: Table,
  options: HostOptions = {},
): SourceHost {
  return createHost(streamSource(fixture.server.url, table, { connect: connectVia(change) }), options);
}

/** A door that holds whoever comes to it until it is opened. */
function door(): { readonly passed: Promise<void>; open(): void } {
  let open = (): void => {};
  const passed = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { passed, open };
}

const consumersOf = async (stream: string): Promise<string[]> =>
  (await fixture.jsm.consumers.list(stream).next()).map(({ name }) => name);

/** Servers before 2.11 cannot hold a consumer back while pulls wait at it. */
const cannotPause = (): boolean => /^2\.(9|10)\./.test(fixture.server.version);

async function pausedConsumerOf(stream: string): Promise<string> {
  const [consumer = ""] = await consumersOf(stream);
  await fixture.jsm.consumers.pause(stream, consumer, new Date(Date.now() + 3_600_000));
  return consumer;
}

/** Reads a stream to its end, and says where that is. */
async function readAll(stream: string): Promise<SourceSnapshot> {
  const one = createHost(streamSource(fixture.server.url, { stream }), { untilCaughtUp: true });
  await one.open();
  await one.run();
  const restored = await one.checkpoint(1);
  await one.source.close();
  return restored;
}

test("a stream made again while the consumer for the old one is being made is seen", async () => {
  await fixture.fill("BETWEEN", 10);
  const restored = await readAll("BETWEEN");
  /** The first creation comes behind the new stream. */
  const late =
    (count: number) =>
    (api: JetStreamApi): Partial<JetStreamApi> => {
      let isFirst = true;
      return {
        async createConsumer(...request) {
          if (isFirst) await fixture.refill("BETWEEN", count);
          isFirst = false;
          return api.createConsumer(...request);
        },
      };
    };
  const failing = hostVia(late(20), { stream: "BETWEEN" }, { restored, identity: { epoch: 2 } });
  await expect(failing.open()).rejects.toMatchObject({ code: "STREAM_REPLACED", exitCode: 4 });
  await failing.source.close();
  expect(await consumersOf("BETWEEN")).toEqual([]);

  await fixture.refill("BETWEEN", 10);
  const first = await readAll("BETWEEN");
  const one = hostVia(
    late(15),
    { stream: "BETWEEN", onGap: "earliest" },
    { restored: first, identity: { epoch: 2 }, untilCaughtUp: true },
  );
  await one.open();
  await one.run();
  expect(one.values()).toEqual(range(1, 15));
  expect(one.counters.gaps).toBe(1);
  await one.source.close();
});

test("an answer that is older than a gap says nothing about it", async () => {
  if (cannotPause()) return;
  await fixture.fill("OLDER", 7);
  await fixture.jsm.streams.deleteMessage("OLDER", 6);
  const asked = door();
  const answered = door();
  let isReading = false;
  const change = (api: JetStreamApi): Partial<JetStreamApi> => ({
    async streamInfo(...request) {
      const info = await api.streamInfo(...request);
      if (!isReading) return info;
      asked.open();
      await answered.passed;
      return info;
    },
  });
  const one = hostVia(change, { stream: "OLDER" });
  await one.open();
  isReading = true;
  const failed = expect(one.run()).rejects.toMatchObject({ code: "DATA_GAP", context: { from: 9, to: 19 } });
  await asked.passed;
  // The stream has said what it knows of the jump over 6. What comes now has it to ask for anew.
  await fixture.publish("OLDER", 8, 8);
  const [consumer = ""] = await consumersOf("OLDER");
  const delivered = async (): Promise<number> =>
    (await fixture.jsm.consumers.info("OLDER", consumer)).delivered.stream_seq;
  await expect.poll(delivered).toBe(8);
  await pausedConsumerOf("OLDER");
  await fixture.publish("OLDER", 9, 20);
  await fixture.jsm.streams.purge("OLDER", { seq: 20 });
  await fixture.jsm.consumers.resume("OLDER", consumer);
  await expect.poll(delivered).toBe(20);
  answered.open();
  await failed;
  expect(one.values()).toEqual(["1", "2", "3", "4", "5", "7", "8"]);
  await one.source.close();
});

test("messages that are there and were passed over by the consumer are read", async () => {
  await fixture.fill("PASSED", 10);
  const one = createHost(streamSource(fixture.server.url, { stream: "PASSED" }));
  await one.open();
  const running = one.run();
  await one.until(10);
  const [consumer = ""] = await consumersOf("PASSED");
  await fixture.jsm.consumers.update("PASSED", consumer, { filter_subject: "PASSED.k1" });
  await fixture.publish("PASSED", 11, 40);
  await one.until(40);
  expect(one.values()).toEqual(range(1, 40));
  expect(one.counters.gaps).toBe(0);
  one.drain.abort();
  await running;
  await one.source.close();
});

test("what the consumer of an idle split does not know of yet is not taken for seen", async () => {
  if (cannotPause()) return;
  await fixture.fill("SEEN", 30);
  const table = { stream: "SEEN", filterSubjects: ["SEEN.k0"] };
  const identity = { jobId: jobId() };
  let isScanned = false;
  let older: ConsumerInfo | undefined;
  const one = hostVia(
    (api) => ({
      // As when the server of the consumer is a little behind the stream's leader: the stream has 31, and it does not.
      async streamInfo(...request) {
        if (isScanned && older === undefined) {
          const consumer = await pausedConsumerOf("SEEN");
          older = await api.consumerInfo("SEEN", consumer);
          await fixture.publish("SEEN", 31, 31);
        }
        return api.streamInfo(...request);
      },
      consumerInfo: async (...request) => older ?? api.consumerInfo(...request),
    }),
    table,
    { identity },
  );
  await one.open();
  const running = one.run();
  await one.until(10);
  isScanned = true;
  await one.checkpoint(1);
  expect(older).toMatchObject({ num_pending: 0 });
  const restored = await one.checkpoint(2);
  expect(restored.get("0")).toMatchObject({ lastSeq: "28", scannedSeq: "31" });
  one.stop.abort();
  await running;
  await one.source.close();
  const next = createHost(streamSource(fixture.server.url, table), {
    identity: { ...identity, epoch: 2 },
    restored,
    untilCaughtUp: true,
  });
  await next.open();
  await next.run();
  expect(next.values()).toEqual(["31"]);
  await next.source.close();
});

test("an ack that is confirmed when its consumer is gone says nothing about the messages of the next one", async () => {
  await fixture.fill("CONFIRMED", 100);
  const answered = door();
  const connect: Connect = async (context) => {
    const connection = await connectTo(fixture.server.url)(context);
    const request: NatsClient["request"] = async (subject, ...rest) => {
      const answer = await connection.client.request(subject, ...rest);
      if (subject.startsWith("$JS.ACK.")) await answered.passed;
      return answer;
    };
    const client = Object.create(connection.client, { request: { value: request } }) as NatsClient;
    return Object.create(connection, { client: { value: client } }) as OpenConnection;
  };
  const consumer = (): Promise<{ readonly num_ack_pending: number }> =>
    fixture.jsm.consumers.info("CONFIRMED", "CONFIRMED-shared");
  const source = sharedSource(fixture.server.url, { stream: "CONFIRMED" }, { connect });
  const one = createHost(source, { identity: { pipeline: "CONFIRMED" } });
  await one.open();
  const running = one.run();
  await one.until(100);
  const acked = one.checkpoint(1);
  await expect.poll(async () => (await consumer()).num_ack_pending).toBe(0);
  await fixture.publish("CONFIRMED", 101, 110);
  await one.until(110);
  // A server that writes its state just then says that its folder is not empty, and has removed it all the same.
  await fixture.jsm.consumers.delete("CONFIRMED", "CONFIRMED-shared").catch(() => {});
  await one.until(220);
  answered.open();
  await acked;
  await one.checkpoint(2);
  await expect.poll(async () => (await consumer()).num_ack_pending).toBe(0);
  one.drain.abort();
  await running;
  await one.source.close();
});

test("a newer instance that takes a work queue while an older one makes its consumer anew is what that one ends with", async () => {
  await fixture.fill("TAKEN", 10, { retention: RetentionPolicy.Workqueue });
  const identity = { pipeline: "test", jobId: jobId(), instanceId: "older" };
  const newer = consumerName({ ...identity, epoch: 2, instanceId: "newer" }, "0", 0);
  let asked = 0;
  const one = createHost(streamSource(fixture.server.url, { stream: "TAKEN" }), {
    identity,
    async assertCurrent() {
      asked += 1;
      if (asked > 1) throw new ConnectorError("FENCED", "taken over");
      // Still the newest, and then no longer.
      await fixture.jsm.consumers.add("TAKEN", { durable_name: newer, ack_policy: AckPolicy.Explicit });
    },
  });
  await one.open();
  const ended = expect(one.run()).rejects.toMatchObject({ code: "FENCED", exitCode: 5 });
  await one.until(10);
  const [consumer = ""] = await consumersOf("TAKEN");
  await fixture.jsm.consumers.delete("TAKEN", consumer).catch(() => {});
  await ended;
  expect(await consumersOf("TAKEN")).toEqual([newer]);
  await one.source.close();
});

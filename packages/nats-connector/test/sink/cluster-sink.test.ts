import { type NatsCluster, startNatsCluster } from "@x/nats-testkit";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createJetStreamSink } from "../../src/sink/jetstream-sink.ts";
import { expected, inputs, notes, openWorker } from "../exactly-once/exactly-once-fixture.ts";
import { batchOf, createContext, jetStreamSettings, type Observer, observe, rowsOf } from "./sink-fixture.ts";

let cluster: NatsCluster;
let observer: Observer;

beforeAll(async () => {
  cluster = await startNatsCluster({ advertise: false });
  observer = await observe(cluster.urls[0] ?? "");
  await observer.createStream({ name: "OUT", num_replicas: 3, allow_rollup_hdrs: true });
}, 120_000);
afterAll(async () => {
  await observer?.client.close();
  await cluster?.[Symbol.asyncDispose]();
});

/** Kills two nodes, the leader of the stream among them: the third cannot answer for it, nor take a vote. */
async function loseLeader() {
  const leader = await cluster.leaderOf("OUT");
  const [survivor, other] = cluster.nodes.filter((node) => node !== leader);
  if (survivor === undefined || other === undefined) throw new Error("no cluster of three");
  const others = [leader, other];
  await Promise.all(others.map((node) => node.kill()));
  return { survivor, others };
}

it("a sink that is opened while a cluster has no leader waits for one, within the budget of a start", async () => {
  const { survivor, others } = await loseLeader();
  let asked = 0;
  const context = createContext();
  const logger = { ...context.logger, debug: () => void asked++ };
  const sink = createJetStreamSink(jetStreamSettings({ url: survivor.url, connectTimeoutMs: 100_000 }));
  const opened = sink.open({ ...context, logger });
  // Two attempts have gone unanswered.
  await expect.poll(() => asked, { timeout: 30_000 }).toBeGreaterThanOrEqual(2);
  await Promise.all(others.map((node) => node.restart()));
  await opened;
  await cluster.whenCurrent();
  await sink.processBatch(batchOf(rowsOf(1, 10)));
  await sink.flush({ checkpointId: 1, final: true });
  await sink.close();
  expect(await observer.idsOf("OUT")).toEqual(rowsOf(1, 10).map(({ id }) => id));
}, 120_000);

it("a budget that is over before there is a leader ends the start with exit code 7", async () => {
  const { survivor, others } = await loseLeader();
  const sink = createJetStreamSink(jetStreamSettings({ url: survivor.url, connectTimeoutMs: 1500 }));
  await expect(sink.open(createContext())).rejects.toMatchObject({ code: "SERVER_UNAVAILABLE", exitCode: 7 });
  await sink.close();
  await Promise.all(others.map((node) => node.restart()));
  await cluster.whenCurrent();
}, 120_000);

it("outputs with ids and a fence reach a replicated stream once when its leader is killed", async () => {
  await observer.api("STREAM.PURGE.OUT");
  const leader = await cluster.leaderOf("OUT");
  const other = cluster.nodes.find((node) => node !== leader);
  const worker = await openWorker(other?.url ?? "", { soleWriter: false, ackTimeoutMs: 1000 });
  const writing = worker.write(inputs(1, 400)).then(() => worker.flush());
  await expect.poll(() => worker.counters.rowsOut, { timeout: 30_000 }).toBeGreaterThan(20);
  await leader.kill();
  await leader.restart();
  await writing;
  await worker.sink.close();
  const found = await notes(observer);
  expect(found.toSorted((a, b) => Number(a) - Number(b))).toEqual(expected(400));
}, 120_000);

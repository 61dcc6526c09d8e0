import {
  createInvariantChecker,
  isPublishAck,
  planSchedule,
  runSchedule,
  startFaultProxy,
  startNatsServer,
} from "@x/nats-testkit";
import { connect, type NatsConnection } from "nats";
import { expect, test } from "vitest";
import { runPipeline } from "./pipeline.mjs";

/** Publishes 1, 2, 3, …, each until it is stored, while `isWanted`; resolves with the last one. */
async function feed(connection: NatsConnection, isWanted: () => boolean): Promise<number> {
  let n = 0;
  while (isWanted()) {
    n += 1;
    let stored = false;
    while (!stored) {
      stored = await connection
        .jetstream({ timeout: 1_000 })
        .publish("in.rows", String(n), { msgID: String(n) })
        .then(
          () => true,
          () => false,
        );
    }
  }
  return n;
}

test("the pipeline writes every input once, whatever happens to its server and its network", async () => {
  await using server = await startNatsServer();
  await using proxy = await startFaultProxy({ target: server.url });
  const admin = await connect({ servers: server.url, maxReconnectAttempts: -1, reconnectTimeWait: 50 });
  const manager = await admin.jetstreamManager();
  await manager.streams.add({ name: "IN", subjects: ["in.rows"] });
  await manager.streams.add({ name: "OUT", subjects: ["out.rows"] });
  let wanted = true;
  const fed = feed(admin, () => wanted);

  // The pipeline comes by the proxy, the test does not.
  const connection = await connect({ servers: proxy.url, maxReconnectAttempts: -1, reconnectTimeWait: 50 });
  const running = runPipeline(connection);
  const written = async () => (await manager.streams.info("OUT")).state.messages;
  // A start is asked for once: what comes too early ends it before there is a pipeline to disturb.
  await expect.poll(written, { timeout: 60_000, interval: 5 }).toBeGreaterThan(0);
  const schedule = planSchedule({
    seed: 1,
    count: 6,
    durationMs: 1_500,
    kinds: { crash: {}, cut: {}, swallowAcks: { args: (random) => ({ count: random.integer(1, 3) }) } },
  });
  const record = await runSchedule(schedule, {
    async crash() {
      await server.kill();
      await server.restart();
    },
    cut: () => proxy.cut(),
    async swallowAcks({ count }) {
      using swallowed = proxy.intercept("fromTarget", (frame) =>
        isPublishAck(frame) && swallowed.hits < count ? "drop" : "pass",
      );
      await expect.poll(() => swallowed.hits, { timeout: 60_000, interval: 5 }).toBe(count);
    },
  });
  expect(Math.min(...Object.values(record.counts))).toBeGreaterThan(0);

  wanted = false;
  const last = await fed;
  const left = async () => {
    const { num_pending, num_ack_pending } = await manager.consumers.info("IN", "copy");
    return num_pending + num_ack_pending;
  };
  await expect.poll(left, { timeout: 60_000, interval: 100 }).toBe(0);
  await connection.close();
  await running;
  const checker = createInvariantChecker({ last });
  const consumer = await admin.jetstream().consumers.get("OUT");
  const outputs = await written();
  let seen = 0;
  for await (const message of await consumer.consume()) {
    checker.see(Number(message.string()));
    if (++seen === outputs) break;
  }
  const report = checker.report();
  expect(report.lost.count + report.duplicated.count, report.summary).toBe(0);
  await admin.close();
}, 300_000);

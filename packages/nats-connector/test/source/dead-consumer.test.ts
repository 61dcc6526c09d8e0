import { startFaultProxy } from "@x/nats-testkit";
import { expect, test } from "vitest";
import type { OpenConnection } from "../../src/connection.js";
import { consumerName } from "../../src/jetstream/consumer-name.js";
import { connectTo, createHost, jobId, type SourceHost, streamSource } from "./source-host.js";
import { range, withStreams } from "./stream-fixture.js";

const fixture = withStreams();

/** A source on a connection where a request, as to a consumer on a server that is down, never gets an answer. */
function hostWithout(
  request: "consumerInfo" | "deleteConsumer",
  stream: string,
  url: string,
  job = jobId(),
): SourceHost {
  const connect: ReturnType<typeof connectTo> = async (context) => {
    const connection = await connectTo(url)(context);
    const api = { ...connection.api, [request]: () => new Promise(() => {}) };
    return Object.create(connection, { api: { value: api } }) as OpenConnection;
  };
  const identity = { jobId: job, epoch: 2 };
  return createHost(streamSource(url, { stream, maxBatch: 50 }, { connect }), { identity });
}

test("reading begins without waiting for the removal of a dead consumer", async () => {
  await fixture.fill("REMOVED", 10);
  const job = jobId();
  const name = consumerName({ pipeline: "test", jobId: job, epoch: 1, instanceId: "dead" }, "0", 0);
  await fixture.jsm.consumers.add("REMOVED", { name, ack_policy: "none" as never });
  const one = hostWithout("deleteConsumer", "REMOVED", fixture.server.url, job);
  await one.open();
  const running = one.run();
  await one.until(10);
  expect(one.values()).toEqual(range(1, 10));
  one.drain.abort();
  await running;
});

test("a consumer that is silent and cannot be asked is replaced, without waiting for the end of the question", async () => {
  await fixture.fill("MUTE", 10);
  await using proxy = await startFaultProxy({ target: fixture.server.url });
  const one = hostWithout("consumerInfo", "MUTE", proxy.url);
  await one.open();
  const running = one.run();
  await one.until(10);
  {
    // Messages and heartbeats get lost; answers to requests have another subject.
    using _lost = proxy.intercept("fromTarget", ({ subject }) =>
      /^_INBOX\._[\w-]{16}$/.test(subject) ? "drop" : "pass",
    );
    await fixture.publish("MUTE", 11, 20);
    await expect
      .poll(() => one.logged, { timeout: 60_000 })
      .toContainEqual(expect.objectContaining({ event: "rebuild", reason: "the server is silent" }));
  }
  await one.until(20, 60_000);
  expect(one.values()).toEqual(range(1, 20));
  one.drain.abort();
  await running;
}, 120_000);

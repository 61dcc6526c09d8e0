import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SourceSnapshot } from "@x/connector-api";
import { createJwtOperator, startFaultProxy, startNatsServer } from "@x/nats-testkit";
import { connect, jwtAuthenticator, RetentionPolicy } from "nats";
import { expect, test } from "vitest";
import { openConnection } from "../../src/open-connection.js";
import { createHost, jobId, type SourceHost, streamSource } from "./source-host.js";
import { range, withStreams } from "./stream-fixture.js";

const fixture = withStreams();

test.each([RetentionPolicy.Limits, RetentionPolicy.Workqueue])(
  "%s: one consumer is enough for a lost connection, and for a start beside what a killed process has left",
  async (retention) => {
    const stream = `ONE_${retention}`;
    await fixture.fill(stream, 10, { retention, max_consumers: 1 });
    await using proxy = await startFaultProxy({ target: fixture.server.url });
    const identity = { jobId: jobId() };
    const read = (epoch: number, restored?: SourceSnapshot): SourceHost =>
      createHost(streamSource(proxy.url, { stream }), { identity: { ...identity, epoch }, restored });
    const one = read(1);
    await one.open();
    const running = one.run();
    await one.until(10);
    proxy.cut();
    await fixture.publish(stream, 11, 20);
    await one.until(20);
    expect(one.values()).toEqual(range(1, 20));
    const restored = await one.checkpoint(1);
    one.stop.abort();
    await running;

    const next = read(2, restored);
    await next.open();
    const again = next.run();
    await fixture.publish(stream, 21, 30);
    await next.until(10);
    expect(next.values()).toEqual(range(21, 30));
    expect((await fixture.jsm.streams.info(stream)).state.consumer_count).toBe(1);
    next.drain.abort();
    await again;
    for (const each of [one, next]) await each.source.close();
  },
);

test("interest: without room for a second consumer a start is refused, and makes nothing", async () => {
  await fixture.fill("TIGHT", 0, { retention: RetentionPolicy.Interest, max_consumers: 1 });
  const one = createHost(streamSource(fixture.server.url, { stream: "TIGHT" }));
  await expect(one.open()).rejects.toMatchObject({
    code: "CONSUMER_REFUSED",
    exitCode: 2,
    message: expect.stringContaining("raise max_consumers to 2"),
  });
  await one.source.close();
  expect((await fixture.jsm.streams.info("TIGHT")).state.consumer_count).toBe(0);
});

test("interest: an account's limit leaves no room for a second consumer, for all replicas or by their number", async () => {
  const operator = createJwtOperator();
  const none = { mem_storage: -1, disk_storage: -1, streams: -1 };
  const accounts = [
    operator.addAccount("FLAT", { ...none, consumer: 1 }),
    operator.addAccount("TIERED", { tiered_limits: { R1: { ...none, consumer: 1 }, R3: { ...none, consumer: -1 } } }),
  ];
  const store = mkdtempSync(join(tmpdir(), "few-"));
  await using server = await startNatsServer({
    config: `${operator.config()}\njetstream { store_dir: ${JSON.stringify(store)} }`,
  });
  // A 2.9 finds no limit that applies where all are by the number of replicas.
  for (const account of server.version.startsWith("2.9.") ? accounts.slice(0, 1) : accounts) {
    const { jwt, seed } = account.issueUser();
    const client = await connect({
      servers: server.url,
      authenticator: jwtAuthenticator(jwt, new TextEncoder().encode(seed)),
    });
    const jsm = await client.jetstreamManager();
    await jsm.streams.add({ name: "TIGHT", subjects: ["TIGHT.>"], retention: RetentionPolicy.Interest });
    const limits = { connectTimeoutMs: 3000, authRetryWindowMs: 1000 };
    const options = {
      servers: [server.url],
      ...limits,
      inboxPrefix: "_INBOX",
      domain: undefined,
      name: "test",
      client,
    };
    const source = streamSource(
      server.url,
      { stream: "TIGHT" },
      { connect: (context) => openConnection(options, context) },
    );
    const one = createHost(source);
    await expect(one.open()).rejects.toMatchObject({
      code: "CONSUMER_REFUSED",
      exitCode: 2,
      message: expect.stringMatching(
        /the account of stream "TIGHT" allows 1 .* raise max_consumers of the account to 2/,
      ),
    });
    await one.source.close();
    expect((await jsm.streams.info("TIGHT")).state.consumer_count).toBe(0);
    await client.close();
  }
  rmSync(store, { recursive: true, force: true });
});

test("a limit that others have used up is refused, naming what to do", async () => {
  await fixture.fill("USED", 1, { max_consumers: 1 });
  await fixture.jsm.consumers.add("USED", { durable_name: "theirs", ack_policy: "none" as never });
  const one = createHost(streamSource(fixture.server.url, { stream: "USED" }));
  await expect(one.open()).rejects.toMatchObject({
    code: "CONSUMER_REFUSED",
    message: expect.stringContaining("raise the limit on consumers"),
  });
  await one.source.close();
  expect((await fixture.jsm.consumers.list("USED").next()).map(({ name }) => name)).toEqual(["theirs"]);
});

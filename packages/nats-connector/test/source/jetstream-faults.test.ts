import { setTimeout as sleep } from "node:timers/promises";
import { connect as connectSuccessor } from "@nats-io/transport-node";
import { createCounters, silentLogger } from "@x/connector-api";
import { findFreePort, startFaultProxy, startNatsServer } from "@x/nats-testkit";
import { connect } from "nats";
import { describe, expect, test } from "vitest";
import type { OpenConnection } from "../../src/connection.js";
import type { DialOptions } from "../../src/dial-options.js";
import type { NatsClient } from "../../src/nats-client.js";
import { openConnection } from "../../src/open-connection.js";
import { createHost, streamSource } from "./source-host.js";
import { range, withStreams } from "./stream-fixture.js";

const fixture = withStreams();

describe("a running source outlives its server", () => {
  test("killed and restarted in the middle of a read: every message once, in order", async () => {
    const count = 20_000;
    await fixture.fill("KILL", count);
    const one = createHost(streamSource(fixture.server.url, { stream: "KILL", maxBatch: 200 }), {
      capacity: 500,
      untilCaughtUp: true,
    });
    await one.open();
    const running = one.run();
    for (let round = 1; round <= 2; round++) {
      one.take(4000);
      await one.until(round * 4000);
      await fixture.server.kill("SIGKILL");
      one.take(500);
      await sleep(100);
      await fixture.server.restart();
    }
    one.take(count);
    expect(await running).toBe("final");
    expect(one.values()).toEqual(range(1, count));
    expect(one.counters.reconnects).toBe(2);
    expect(one.counters.gaps).toBe(0);
    await one.source.close();
  }, 60_000);

  test("connections cut in the middle of pulls: every message once, in order", async () => {
    const count = 20_000;
    await fixture.fill("CUT", count);
    await using proxy = await startFaultProxy({ target: fixture.server.url });
    const one = createHost(streamSource(proxy.url, { stream: "CUT" }), { capacity: 1000, untilCaughtUp: true });
    await one.open();
    const running = one.run();
    for (let at = 1000; at < count; at += 4000) {
      await one.until(at);
      one.take(4000);
      await sleep(2);
      proxy.cut();
    }
    one.take(count);
    expect(await running).toBe("final");
    expect(one.values()).toEqual(range(1, count));
    expect(one.counters.reconnects).toBeGreaterThan(2);
    await one.source.close();
  }, 60_000);

  test("answers lost on a connection that stays open: every message once, in order", async () => {
    await fixture.fill("SILENT", 3000);
    await using proxy = await startFaultProxy({ target: fixture.server.url });
    const one = createHost(streamSource(proxy.url, { stream: "SILENT", maxBatch: 100 }), { capacity: 500 });
    await one.open();
    const running = one.run();
    await one.until(500);
    proxy.blackhole(true);
    one.take(10_000);
    await sleep(6000);
    proxy.blackhole(false);
    await one.until(3000);
    expect(one.values()).toEqual(range(1, 3000));
    one.drain.abort();
    await running;
    await one.source.close();
  }, 60_000);

  test("a consumer whose creation is not answered is made under another name, and removed", async () => {
    await fixture.fill("UNANSWERED", 100);
    await using proxy = await startFaultProxy({ target: fixture.server.url });
    const one = createHost(streamSource(proxy.url, { stream: "UNANSWERED" }, { connectTimeoutMs: 60_000 }), {
      untilCaughtUp: true,
    });
    using created = proxy.intercept("fromTarget", ({ payload }) =>
      payload.includes("consumer_create_response") && created.hits < 1 ? "drop" : "pass",
    );
    await one.open();
    expect(created.hits).toBe(1);
    const consumers = await fixture.jsm.consumers.list("UNANSWERED").next();
    expect(consumers.map(({ name }) => name)).toEqual([expect.stringMatching(/-r1$/)]);
    expect(await one.run()).toBe("final");
    expect(one.values()).toEqual(range(1, 100));
    await one.source.close();
  });

  test("drains while the server is away, and does not wait for it", async () => {
    await fixture.fill("AWAY", 10);
    await using proxy = await startFaultProxy({ target: fixture.server.url });
    const one = createHost(streamSource(proxy.url, { stream: "AWAY" }));
    await one.open();
    const running = one.run();
    await one.until(10);
    await proxy.refuse(true);
    proxy.cut();
    await sleep(100);
    one.drain.abort();
    // The server never comes back.
    expect(await running).toBe("graceful");
    await one.source.close();
  });
});

describe("connecting", () => {
  const open = (options: Partial<DialOptions>, signal = new AbortController().signal): Promise<OpenConnection> =>
    openConnection(
      { servers: [], connectTimeoutMs: 1000, authRetryWindowMs: 1000, inboxPrefix: "_INBOX", name: "test", ...options },
      { signal, logger: silentLogger, counters: createCounters() },
    );

  test("nobody there: CONNECT_FAILED naming the servers, when the budget is over", async () => {
    const servers = [`127.0.0.1:${await findFreePort()}`];
    const begun = Date.now();
    await expect(open({ servers })).rejects.toMatchObject({
      code: "CONNECT_FAILED",
      exitCode: 7,
      message: expect.stringContaining(servers[0] ?? ""),
    });
    // The client by itself gives up after 20 s.
    expect(Date.now() - begun).toBeLessThan(15_000);
  });

  test("a server that comes within the budget is found", async () => {
    const port = await findFreePort();
    const opening = open({ servers: [`127.0.0.1:${port}`], connectTimeoutMs: 10_000 });
    await sleep(300);
    await using server = await startNatsServer({ port });
    const connection = await opening;
    expect(connection.connected && server.port).toBe(port);
    await connection.close();
  });

  test("a wrong password is refused at once, also with a second server", async () => {
    await using server = await startNatsServer({ config: "authorization { user: u, password: right }" });
    const authenticator = (): object => ({ user: "u", pass: "wrong" });
    const begun = Date.now();
    const error = await open({ servers: [server.url], authenticator, connectTimeoutMs: 60_000 }).catch(
      (e: unknown) => e,
    );
    expect(error).toMatchObject({ code: "AUTH_FAILED", exitCode: 3 });
    expect(String(error)).not.toContain("wrong");
    expect(Date.now() - begun).toBeLessThan(30_000);
    const nobody = `127.0.0.1:${await findFreePort()}`;
    await expect(open({ servers: [server.url, nobody], authenticator, connectTimeoutMs: 5000 })).rejects.toMatchObject({
      code: "AUTH_FAILED",
    });
  });

  test("a connection away for longer than reconnect_timeout is given up", async () => {
    await using proxy = await startFaultProxy({ target: fixture.server.url });
    const connection = await open({ servers: [proxy.url], reconnectTimeoutMs: 300 });
    await proxy.refuse(true);
    proxy.cut();
    await expect.poll(() => connection.lost.aborted).toBe(true);
    expect(connection.lost.reason).toMatchObject({ code: "CONNECTION_LOST", exitCode: 7 });
    await expect(connection.whenConnected()).rejects.toMatchObject({ code: "CONNECTION_LOST" });
    await connection.close();
  });

  test("credentials refused for longer than the window after a good start are AUTH_FAILED", async () => {
    await using server = await startNatsServer({ config: "authorization { user: u, password: one }" });
    const connection = await open({
      servers: [server.url],
      authenticator: () => ({ user: "u", pass: "one" }),
      authRetryWindowMs: 500,
    });
    await server.reload("authorization { user: u, password: two }");
    await new Promise((resolve) => connection.lost.addEventListener("abort", resolve, { once: true }));
    expect(connection.lost.reason).toMatchObject({ code: "AUTH_FAILED", exitCode: 3 });
    await connection.close();
  });

  test("a connection handed in is used and never closed", async () => {
    const connection = await open({ client: fixture.client });
    expect(await connection.api.accountInfo()).toMatchObject({ level: expect.any(Number) });
    await connection.close();
    expect(fixture.client.isClosed()).toBe(false);
  });

  test.each(["nats", "@nats-io"])("nothing of ours stays with a client of %s that was handed in", async (kind) => {
    const connectClient = kind === "nats" ? connect : connectSuccessor;
    const client: NatsClient = await connectClient({ servers: fixture.server.url });
    const status = client.status.bind(client);
    let followed = 0;
    client.status = () => {
      const statuses = status();
      followed += 1;
      void (statuses as { iterClosed?: Promise<unknown> }).iterClosed?.then(() => {
        followed -= 1;
      });
      return statuses;
    };
    for (let i = 0; i < 3; i++) await (await open({ client })).close();
    await expect.poll(() => followed).toBe(0);
    await client.close();
  });

  test("stopping ends the dialling", async () => {
    const stop = new AbortController();
    const opening = open({ servers: [`127.0.0.1:${await findFreePort()}`], connectTimeoutMs: 60_000 }, stop.signal);
    setTimeout(() => stop.abort(), 50);
    await expect(opening).rejects.toMatchObject({ code: "ABORTED" });
  });
});

test("a refused subject is named", async () => {
  const config = `authorization { users: [{ user: u, password: p, permissions: { publish: { deny: "$JS.API.CONSUMER.CREATE.>" } } }] }`;
  await using server = await startNatsServer({ config });
  const connection = await openConnection(
    {
      servers: [server.url],
      authenticator: () => ({ user: "u", pass: "p" }),
      connectTimeoutMs: 1000,
      authRetryWindowMs: 1000,
      inboxPrefix: "_INBOX",
      name: "test",
    },
    { signal: new AbortController().signal, logger: silentLogger, counters: createCounters() },
  );
  const creating = connection.api.createConsumer("S", { name: "c", deliver_policy: "all", ack_policy: "none" });
  await expect(creating).rejects.toMatchObject({
    code: "PERMISSION_DENIED",
    message: expect.stringContaining("$JS.API.CONSUMER.CREATE.S.c"),
  });
  await connection.close();
});

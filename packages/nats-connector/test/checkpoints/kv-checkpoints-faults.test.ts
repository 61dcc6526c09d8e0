import { setTimeout as sleep } from "node:timers/promises";
import { type Logger, silentLogger } from "@x/connector-api";
import { isPublishAck, startFaultProxy, startNatsServer } from "@x/nats-testkit";
import { expect, it } from "vitest";
import { observe, revive } from "../sink/sink-fixture.ts";
import { at, bucketConfig, openStore } from "./kv-fixture.ts";

it("waits while the server is down, and goes on when it is back", async () => {
  await using server = await startNatsServer();
  await using store = openStore(server.url, "STATE", { create: true });
  const identity = await store.claim("p", "one");
  await server.kill();
  let settled = 0;
  const calls = [store.write(at(identity, 1)), store.holder("p"), store.latest("p", () => {}), store.claim("q", "one")];
  for (const call of calls) call.then(() => settled++).catch(() => {});
  await sleep(1000);
  expect(settled).toBe(0);
  await revive(server);
  await Promise.all(calls);
  expect(await store.latest("p", () => {})).toMatchObject({ checkpointId: 1 });
});

it("ends what waits when it is closed, and fails at once when nobody was ever there", async () => {
  await using server = await startNatsServer();
  const store = openStore(server.url, "STATE", { create: true });
  const identity = await store.claim("p", "one");
  await server.stop();
  const write = store.write(at(identity, 1));
  await sleep(50);
  await store.close();
  await expect(write).rejects.toMatchObject({ code: "CLOSED" });
  await expect(store.holder("p")).rejects.toMatchObject({ code: "CLOSED" });
  await using late = openStore(server.url, "STATE", { connectTimeout: "300ms" });
  await expect(late.claim("p", "two")).rejects.toMatchObject({ code: "CONNECT_FAILED", exitCode: 7 });
});

it("notices that the bucket is gone, and that it is full", { timeout: 60_000 }, async () => {
  await using server = await startNatsServer();
  await using observer = await observe(server.url);
  await observer.createStream(bucketConfig("SMALL", { max_bytes: 2000 }));
  await using store = openStore(server.url, "SMALL");
  const identity = await store.claim("p", "one");
  const large = { ...at(identity, 1), splits: { "0": { v: 1, text: "x".repeat(3000) } } };
  await expect(store.write(large)).rejects.toMatchObject({ code: "STATE_STORE", retry: "backoff" });
  await store.write(at(identity, 2));
  await observer.api("STREAM.DELETE.KV_SMALL");
  const write = store.write(at(identity, 3));
  await expect(write).rejects.toMatchObject({ code: "STATE_STORE", retry: "never", exitCode: 1 });
});

it("needs no right to purge, but says that old checkpoints stay", async () => {
  await using server = await startNatsServer({
    config: `authorization { users: [ { user: admin, password: a }, { user: u, password: p, permissions: { publish: {
      allow: ["$KV.STATE.>", "$JS.API.STREAM.INFO.KV_STATE", "$JS.API.STREAM.MSG.GET.KV_STATE"] } } } ] }`,
  });
  await using observer = await observe(server.url, { user: "admin", pass: "a" });
  await observer.createStream(bucketConfig("STATE"));
  const warnings: string[] = [];
  const logger: Logger = { ...silentLogger, warn: (_, message) => void warnings.push(message) };
  const auth = { type: "credentials", username: "u", password: "p" };
  await using store = openStore(server.url, "STATE", { auth, logger });
  const identity = await store.claim("p", "one");
  for (let id = 0; id < 6; id++) await store.write(at(identity, id));
  expect(await store.list("p")).toHaveLength(6);
  expect(warnings.filter((text) => text.startsWith("old checkpoints stay"))).toHaveLength(1);
});

it("finds the newest checkpoint also when an older instance replaces it in the middle of that", async () => {
  await using server = await startNatsServer();
  await using proxy = await startFaultProxy({ target: server.url });
  await using older = openStore(server.url, "STATE", { create: true, keep: 1 });
  await using newer = openStore(proxy.url, "STATE", { keep: 1 });
  const identity = await older.claim("p", "older");
  await older.write(at(identity, 1));
  await newer.claim("p", "newer");
  // It has been listed, and will be gone when it is read.
  const reading = new Promise<void>((resolve) => {
    proxy.intercept("toTarget", ({ payload }) => {
      if (!payload.includes(`.${identity.epoch}-1`)) return "pass";
      proxy.blackhole(true, "toTarget");
      resolve();
      return "pass";
    });
  });
  const latest = newer.latest("p", () => {});
  await reading;
  await older.write(at(identity, 2));
  proxy.blackhole(false, "toTarget");
  expect(await latest).toMatchObject({ epoch: identity.epoch, checkpointId: 2 });
});

it("takes one epoch also when the answer to its claim was lost", async () => {
  await using server = await startNatsServer();
  await using proxy = await startFaultProxy({ target: server.url });
  await using store = openStore(proxy.url, "STATE", { create: true });
  await store.claim("p", "instance-1");
  let armed = false;
  using _cut = proxy.intercept("fromTarget", (frame) => {
    if (!armed || !isPublishAck(frame)) return "pass";
    armed = false;
    return "cut";
  });
  for (let epoch = 2; epoch <= 4; epoch++) {
    const instanceId = `instance-${epoch}`;
    armed = true;
    expect(await store.claim("p", instanceId)).toMatchObject({ epoch, instanceId });
    expect(armed).toBe(false);
  }
});

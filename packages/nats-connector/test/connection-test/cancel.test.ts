import { createServer } from "node:net";
import type { TestMessage } from "@x/connector-api";
import { expect, test } from "vitest";
import { natsConnector } from "../../src/nats-connector.js";
import { admin, resultOf, testOf, withServer } from "./test-fixture.js";

const fixture = withServer();
const source = (): object => ({
  ...{ servers: fixture.server.url, auth: admin, type: "source", stream: "S", format: "json" },
});
test("a signal that is already aborted: a verdict at once, nothing is dialled", { retry: 2 }, async () => {
  const begun = Date.now();
  const { verdict } = await resultOf(testOf(source(), AbortSignal.abort()));
  expect(verdict).toMatchObject({ status: "failed", message: expect.stringContaining("ABORTED") });
  expect(verdict.remedy).toContain("run it again");
  expect(Date.now() - begun).toBeLessThan(500);
});

test("aborted or left at any message: it ends soon and leaves nothing behind", { retry: 2 }, async () => {
  await fixture.jsm.streams.add({ name: "S", subjects: ["s.>"] });
  await fixture.client.jetstream().publish("s.a", '{"id": 1}');
  const before = await fixture.inventory();
  const all = (await resultOf(testOf(source()))).messages.length;
  for (let stopAt = 0; stopAt < all - 2; stopAt++) {
    for (const how of ["abort", "abort soon", "leave"] as const) {
      const controller = new AbortController();
      const seen: TestMessage[] = [];
      const begun = Date.now();
      for await (const message of testOf(source(), controller.signal)) {
        seen.push(message);
        if (seen.length !== stopAt + 1) continue;
        if (how === "leave") break;
        if (how === "abort") controller.abort();
        else setTimeout(() => controller.abort(), 1).unref();
      }
      expect(Date.now() - begun).toBeLessThan(3000);
      if (how === "abort") expect(seen.at(-1)).toMatchObject({ done: true, status: "failed" });
    }
  }
  expect(await fixture.strangers()).toBe(0);
  expect(await fixture.inventory()).toEqual(before);
});

test("a server that says nothing does not hold an aborted test up", { retry: 2 }, async () => {
  const silent = createServer();
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  const { port } = silent.address() as { port: number };
  const controller = new AbortController();
  setTimeout(() => controller.abort(), 200);
  const begun = Date.now();
  const { verdict, messages } = await resultOf(
    testOf({ ...source(), servers: `127.0.0.1:${port}` }, controller.signal),
  );
  expect(messages.at(-2)).toMatchObject({ step: "authenticate" });
  expect(verdict.message).toContain("ABORTED");
  expect(Date.now() - begun).toBeLessThan(1500);
  silent.close();
});

test("a paused server does not hold an aborted test up", { retry: 2 }, async () => {
  const controller = new AbortController();
  const begun = Date.now();
  try {
    for await (const { step, done } of testOf(source(), controller.signal)) {
      if (step !== "stream" || done || controller.signal.aborted) continue;
      fixture.server.pause();
      setTimeout(() => controller.abort(), 100);
    }
    expect(Date.now() - begun).toBeLessThan(3000);
  } finally {
    fixture.server.resume();
  }
});

test("an open connection that was handed in stays open", async () => {
  const { verdict } = await resultOf(testOf(source(), undefined, undefined, { client: fixture.client }));
  expect(verdict.status).toBe("ok");
  expect(fixture.client.isClosed()).toBe(false);
});

test("a profile by itself", async () => {
  const connector = natsConnector({ environment: {} });
  const run = (profile: object, signal = new AbortController().signal): AsyncIterable<TestMessage> =>
    connector.testProfile?.(connector.parseProfile(profile), signal) as AsyncIterable<TestMessage>;
  const { url: servers } = fixture.server;
  const right = await resultOf(run({ servers, auth: admin }));
  expect(right.verdict).toMatchObject({ status: "ok", message: "the connection works" });
  expect(right.text("jetstream")).toBe("JetStream is there");
  const wrong = await resultOf(run({ servers, auth: { ...admin, password: "no" } }));
  expect(wrong.verdict.remedy).toContain("auth.type");
  expect((await resultOf(run({ servers }, AbortSignal.abort()))).verdict.message).toContain("ABORTED");
});

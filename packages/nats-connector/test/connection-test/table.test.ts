import { defineSchema } from "@x/connector-api";
import { findFreePort, startNatsServer } from "@x/nats-testkit";
import { expect, test } from "vitest";
import { natsConnector } from "../../src/nats-connector.js";
import { admin, resultOf, testOf, withServer } from "./test-fixture.js";

const api = "$JS.API";
const reading = `"${api}.STREAM.INFO.ORDERS", "${api}.STREAM.MSG.GET.ORDERS", "${api}.CONSUMER.*.ORDERS.>", "${api}.CONSUMER.MSG.NEXT.ORDERS.*"`;
const fixture = withServer({
  reader: `publish: [${reading}], subscribe: ["_INBOX.>"]`,
  looker: `publish: ["${api}.STREAM.INFO.ORDERS"], subscribe: ["_INBOX.>"]`,
  nobody: `publish: [none], subscribe: ["_INBOX.>"]`,
  listener: `publish: [none], subscribe: ["_INBOX.>", "live.> workers"]`,
  writer: `publish: ["bills.>", "${api}.STREAM.INFO.>"], subscribe: ["_INBOX.>"]`,
  other: `publish: ["other.>", "${api}.STREAM.INFO.>"], subscribe: ["_INBOX.>"]`,
});
const user = (username: string): object => ({ type: "credentials", username, password: "right" });
const orders = async (): Promise<void> => {
  await fixture.jsm.streams.add({ name: "ORDERS", subjects: ["orders.>"] }).catch(() => {});
  await fixture.jsm.streams.add({ name: "BILLS", subjects: ["bills.>"] }).catch(() => {});
  await fixture.client.jetstream().publish("orders.eu", '{"id": 1, "note": "hunter2"}');
};
const source = (more: object = {}): object => ({
  ...{ servers: fixture.server.url, auth: admin, type: "source", stream: "ORDERS", format: "json" },
  ...more,
});
const sink = (more: object = {}): object => ({
  ...{ servers: fixture.server.url, auth: admin, type: "sink", stream: "BILLS", subject: "bills.{id}", format: "json" },
  ...more,
});

test("a right source works, and everything is as it was before", async () => {
  await orders();
  const before = await fixture.inventory();
  const { verdict, messages, text } = await resultOf(testOf(source()));
  expect(verdict).toMatchObject({ status: "ok", message: 'table "t" works' });
  const steps = messages.filter(({ status }) => status === "ok").map(({ step }) => step);
  expect(steps).toEqual([
    ...["configuration", "connect", "authenticate", "stream", "permissions", "consumer", "sample", "verdict"],
  ]);
  expect(text("sample")).toMatch(/^message \d+ \(subject "orders.eu"\): one row decoded$/);
  expect(text("permissions")).toBe("all 7 subjects are allowed");
  expect(JSON.stringify(messages)).not.toContain("hunter2");
  expect(await fixture.inventory()).toEqual(before);
  expect((await resultOf(testOf(source({ auth: user("reader") })))).verdict.status).toBe("ok");
});

test("an empty stream has no sample, and that is no failure", async () => {
  await fixture.jsm.streams.add({ name: "EMPTY", subjects: ["empty.>"] });
  const { verdict, text } = await resultOf(testOf(source({ stream: "EMPTY" })));
  expect(verdict.status).toBe("ok");
  expect(text("sample")).toContain("no message");
});

test("a wrong password", async () => {
  const auth = { ...admin, password: "wrong-pass" };
  const { verdict, messages, text } = await resultOf(testOf(source({ auth })));
  expect(verdict).toMatchObject({ status: "failed", remedy: expect.stringContaining("auth.password") });
  expect(text("connect")).toContain("takes connections");
  expect(messages.at(-2)).toMatchObject({ step: "authenticate", status: "failed" });
  expect(JSON.stringify(messages)).not.toContain("wrong-pass");
});

test("an unreachable server, at once", { retry: 2 }, async () => {
  const servers = `127.0.0.1:${await findFreePort()}`;
  const begun = Date.now();
  const { verdict, messages } = await resultOf(testOf(source({ servers })));
  expect(Date.now() - begun).toBeLessThan(2000);
  expect(messages.at(-2)).toMatchObject({ step: "connect", status: "failed" });
  expect(verdict).toMatchObject({ remedy: expect.stringContaining("servers") });
  expect(verdict.message).toContain("CONNECT_FAILED");
});

test("a variable that is not set", async () => {
  const connector = natsConnector({ environment: {} });
  const profile = connector.parseProfile({ servers: "{{ NOWHERE }}" });
  const table = connector.parseTable({ type: "core-sink", subject: "a" });
  const steps = connector.test?.("t", profile, table, undefined, new AbortController().signal);
  const { verdict, messages, text } = await resultOf(steps as never);
  expect(text("configuration")).toContain("not tried");
  expect(messages.at(-2)).toMatchObject({ step: "connect", message: expect.stringContaining("NOWHERE") });
  expect(verdict.remedy).toContain("environment variable");
});

test("a missing stream", async () => {
  const { verdict, messages } = await resultOf(testOf(source({ stream: "ORDRES" })));
  expect(messages.at(-2)).toMatchObject({ step: "stream", status: "failed" });
  expect(verdict).toMatchObject({ status: "failed", remedy: expect.stringContaining("create the stream") });
  expect(verdict.message).toContain("STREAM_NOT_FOUND");
});

test("no permission: every denied subject is named, none is waited for", { retry: 2 }, async () => {
  await orders();
  const begun = Date.now();
  const looker = await resultOf(testOf(source({ auth: user("looker") })));
  expect(looker.messages.at(-2)).toMatchObject({ step: "permissions", status: "failed" });
  for (const subject of ["STREAM.MSG.GET.ORDERS", "CONSUMER.CREATE.ORDERS.*", "CONSUMER.MSG.NEXT.ORDERS.*"]) {
    expect(looker.verdict.remedy).toContain(`"${api}.${subject}"`);
  }
  expect(looker.verdict.remedy).not.toContain("STREAM.INFO");
  const nobody = await resultOf(testOf(source({ auth: user("nobody") })));
  expect(nobody.verdict.message).toContain("PERMISSION_DENIED");
  expect(nobody.verdict.remedy).toContain(`publish to "${api}.STREAM.INFO.ORDERS"`);
  expect(Date.now() - begun).toBeLessThan(4000);
});

test("a wrong schema", async () => {
  await orders();
  const wrong = defineSchema({ id: "TEXT NOT NULL" });
  const { verdict, messages } = await resultOf(testOf(source(), undefined, wrong));
  expect(messages.at(-2)).toMatchObject({ step: "sample", status: "failed" });
  expect(verdict).toMatchObject({ status: "failed", remedy: expect.stringContaining("columns and format") });
  expect(verdict.message).toMatch(/column "id".*BAD_DATA/);
  const dropped = await resultOf(testOf(source({ badData: "drop" }), undefined, wrong));
  expect(dropped.verdict.status).toBe("ok");
  expect(dropped.text("sample")).toContain("bad_data = 'drop' passes over");
  const misspelt = await resultOf(testOf(source(), undefined, defineSchema({ idd: "BIGINT" })));
  expect(misspelt.text("sample")).toContain('every column is null ("idd")');
});

test("a filter that is no subject of the stream, and a consumer the server refuses", async () => {
  await orders();
  const filtered = await resultOf(testOf(source({ consumer: { filterSubjects: "orders.us" } })));
  expect(filtered.text("sample")).toContain("no message for this source");
  const elsewhere = await resultOf(testOf(source({ deliverPolicy: "by_start_sequence", startSequence: 1e9 })));
  expect(elsewhere.verdict).toMatchObject({ status: "failed", remedy: expect.stringContaining("option") });
});

test("work-queue and interest streams are not taken part in", async () => {
  await fixture.jsm.streams.add({ name: "JOBS", subjects: ["jobs.>"], retention: "workqueue" as never });
  await fixture.client.jetstream().publish("jobs.a", '{"id": 1}');
  const before = await fixture.inventory();
  const { verdict, text } = await resultOf(testOf(source({ stream: "JOBS" })));
  expect(verdict.status).toBe("ok");
  expect(text("consumer")).toContain("not tried");
  expect(await fixture.inventory()).toEqual(before);
});

test("a right sink works and publishes nothing", async () => {
  await orders();
  const heard: string[] = [];
  const listening = fixture.client.subscribe("bills.>", {
    callback: (_error, message) => void heard.push(message.subject),
  });
  const before = await fixture.inventory();
  const { verdict, text } = await resultOf(testOf(sink()));
  expect(verdict.status).toBe("ok");
  expect(text("captured")).toBe('stream "BILLS" captures "bills.*"');
  expect((await resultOf(testOf(sink({ auth: user("writer") })))).verdict.status).toBe("ok");
  const core = await resultOf(testOf(sink({ stream: undefined })));
  expect(core.verdict.status).toBe("ok");
  expect(core.text("captured")).toMatch(/"BILLS" captures .* give the option stream/);
  expect(await fixture.inventory()).toEqual(before);
  await fixture.client.flush();
  expect(heard).toEqual([]);
  listening.unsubscribe();
});

test("a sink whose subject the stream does not capture, or the user may not publish to", async () => {
  await orders();
  const elsewhere = await resultOf(testOf(sink({ subject: "other.{id}" })));
  expect(elsewhere.messages.at(-3)).toMatchObject({ step: "captured", status: "running" });
  expect(elsewhere.verdict.message).toMatch(/"other\.\*".*STREAM_MISMATCH/);
  expect(elsewhere.verdict.remedy).toContain("subject to the stream's subjects");
  const denied = await resultOf(testOf(sink({ auth: user("other") })));
  expect(denied.messages.at(-2)).toMatchObject({ step: "permissions", status: "failed" });
  expect(denied.verdict.remedy).toBe('allow this user to publish to "bills.*"');
  const core = await resultOf(testOf(sink({ stream: undefined, auth: user("other") })));
  expect(core.verdict.remedy).toBe('allow this user to publish to "bills.*"');
  const missing = await resultOf(testOf(sink({ stream: "NONE" })));
  expect(missing.verdict.message).toContain("STREAM_NOT_FOUND");
});

test("a Core source hears a sample, or says that nobody spoke", async () => {
  const core = source({ stream: undefined, subject: "live.>", auth: user("listener"), queueGroup: "workers" });
  const denied = await resultOf(testOf({ ...core, queueGroup: undefined }));
  expect(denied.verdict.remedy).toBe('allow this user to subscribe to "live.>"');
  const asAdmin = { ...core, auth: admin };
  const silent = await resultOf(testOf(asAdmin));
  expect(silent.verdict.status).toBe("ok");
  expect(silent.text("sample")).toContain("no message");
  const speaking = setInterval(() => fixture.client.publish("live.a", '{"id": 7}'), 50);
  const heard = await resultOf(testOf(asAdmin));
  clearInterval(speaking);
  expect(heard.text("sample")).toContain('one row decoded; null in it: "note"');
});

test("several filters need a server that keeps them", async () => {
  await orders();
  const before = await fixture.inventory();
  const { verdict } = await resultOf(testOf(source({ consumer: { filterSubjects: "orders.eu, orders.us" } })));
  const [, minor = 0] = fixture.server.version.split(".").map(Number);
  if (minor >= 10) expect(verdict.status).toBe("ok");
  else expect(verdict.message).toContain("CAPABILITY_MISSING");
  const foreign = await resultOf(testOf(source({ consumer: { filterSubjects: "elsewhere.>" } })));
  expect(foreign.verdict).toMatchObject({ status: "failed", remedy: expect.stringContaining("consumer.") });
  expect(await fixture.inventory()).toEqual(before);
});

test("dead letters need a stream, and the right to publish to it", async () => {
  await orders();
  const letters = (subject: string, auth: object = admin): object =>
    source({ auth, badData: "dead_letter", deadLetter: { subject } });
  expect((await resultOf(testOf(letters("bills.dead")))).verdict.status).toBe("ok");
  const nowhere = await resultOf(testOf(letters("nowhere.dead")));
  expect(nowhere.messages.at(-2)).toMatchObject({ step: "dead letters", status: "failed" });
  expect(nowhere.verdict.message).toContain("STREAM_MISMATCH");
  const denied = await resultOf(testOf(letters("bills.dead", user("reader"))));
  expect(denied.verdict.message).toContain("PERMISSION_DENIED");
});

test("a server without JetStream", async () => {
  await using plain = await startNatsServer({ jetstream: false });
  const { verdict, messages } = await resultOf(testOf(source({ servers: plain.url, auth: undefined })));
  expect(messages.at(-2)).toMatchObject({ step: "stream", status: "failed" });
  expect(verdict.remedy).toMatch(/JetStream/);
  const core = { servers: plain.url, auth: undefined, stream: undefined };
  expect((await resultOf(testOf(sink(core)))).verdict.status).toBe("ok");
});

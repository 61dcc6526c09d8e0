import { setTimeout as sleep } from "node:timers/promises";
import { type NatsServer, startNatsServer } from "@x/nats-testkit";
import { headers } from "nats";
import { afterAll, beforeAll, expect, test } from "vitest";
import { numberedRows } from "../src/pipeline-sql.js";
import { type CliResult, runCli, startCli } from "../src/run-cli.js";
import { openStreams, type Streams } from "../src/streams.js";

let server: NatsServer;
let streams: Streams;

beforeAll(async () => {
  server = await startNatsServer();
  streams = await openStreams(server.url);
  await streams.add("ORDERS", "orders.>");
  await streams.fill("orders.eu", numberedRows(1, 20));
  await streams.fill("orders.us", numberedRows(21, 22));
  await streams.fill("orders.eu", numberedRows(23, 24));
  await (await streams.connection.jetstreamManager()).streams.deleteMessage("ORDERS", 23);
});

afterAll(async () => {
  await streams[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

const options = () => ({ env: { NATS_URL: server.url } });
const cli = (...args: string[]): Promise<CliResult> => runCli(["tail", ...args], options());
async function lines(...args: string[]): Promise<Record<string, unknown>[]> {
  const { exitCode, stdout, stderr } = await cli(...args, "--json");
  expect(exitCode, stderr).toBe(0);
  return stdout
    .trimEnd()
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));
}
const sequences = (found: Record<string, unknown>[]): unknown[] => found.map(({ seq }) => seq);

test("a stream: its last messages, without a trace", async () => {
  const found = await lines("ORDERS");
  expect(sequences(found)).toEqual([14, 15, 16, 17, 18, 19, 20, 21, 22, 24]);
  expect(found[0]).toMatchObject({ subject: "orders.eu", value: '{"n":14}', time: expect.stringMatching(/^20.*Z$/) });
  expect(sequences(await lines("ORDERS", "--limit", "2"))).toEqual([22, 24]);
  expect(await streams.consumers("ORDERS")).toEqual([]);
});

test("--from a sequence, a time, or the beginning; --limit from there", async () => {
  expect(sequences(await lines("ORDERS", "--from", "19"))).toEqual([19, 20, 21, 22, 24]);
  expect(sequences(await lines("ORDERS", "--from", "first", "--limit", "3"))).toEqual([1, 2, 3]);
  const { timestamp } = await (await streams.connection.jetstreamManager()).streams.getMessage("ORDERS", { seq: 22 });
  expect(sequences(await lines("ORDERS", "--from", timestamp))).toEqual([22, 24]);
  const wrong = await cli("ORDERS", "--from", "100");
  expect([wrong.exitCode, wrong.stderr]).toEqual([2, expect.stringContaining("holds 1 to 24")]);
  const unclear = await cli("ORDERS", "--from", "monday");
  expect([unclear.exitCode, unclear.stderr]).toEqual([2, expect.stringContaining('got "monday"')]);
});

test("a subject that a stream keeps", async () => {
  expect(sequences(await lines("orders.us"))).toEqual([21, 22]);
  expect(sequences(await lines("orders.eu", "--limit", "2"))).toEqual([20, 24]);
});

test("decoded: any document, typed columns, headers; what cannot be decoded is counted", async () => {
  expect((await lines("ORDERS", "--format", "json", "--limit", "1"))[0]).toMatchObject({ seq: 24, value: { n: 24 } });
  const typed = await lines(
    "ORDERS",
    "--format",
    "json",
    "--column",
    "n BIGINT",
    "--column",
    "note TEXT",
    "--limit",
    "1",
  );
  expect(typed[0]).toMatchObject({ row: { n: 24, note: null } });

  await streams.add("MIXED", "mixed.>");
  const jetstream = streams.connection.jetstream();
  const kind = headers();
  kind.append("X-Kind", "größe");
  await jetstream.publish("mixed.text", "not json", { headers: kind });
  await jetstream.publish("mixed.bytes", new Uint8Array([0xff, 0xfe]));
  await jetstream.publish("mixed.json", '{"n":1}');
  const raw = await lines("MIXED", "--headers");
  expect(raw[0]).toMatchObject({ value: "not json", headers: { "X-Kind": ["größe"] } });
  expect(raw[1]).toMatchObject({ base64: "//4=" });
  const decoded = await cli("MIXED", "--format", "json", "--json");
  expect(decoded.stdout.trimEnd().split("\n")).toHaveLength(1);
  expect(decoded.stderr).toContain("2 messages could not be decoded");

  const words = await cli("MIXED");
  expect(words.stdout).toMatch(
    /^ {7}1 {2}20\S+Z {2}mixed\.text {2}not json\n {7}2 {2}20\S+Z {2}mixed\.bytes {2}base64:\/\/4=\n/,
  );
});

test("--follow goes on until the first signal; a closed pipe ends it, too", async () => {
  await streams.add("LIVE", "live.>");
  await streams.fill("live.a", numberedRows(1, 1));
  const following = startCli(["tail", "LIVE", "--follow", "--json"], options());
  while (!following.stdout().includes('"seq":1,')) await sleep(10);
  await streams.fill("live.a", numberedRows(2, 3));
  while (!following.stdout().includes('"seq":3,')) await sleep(10);
  following.child.kill("SIGINT");
  expect((await following.finished).exitCode).toBe(0);

  const piped = startCli(["tail", "LIVE", "--follow", "--from", "first"], options());
  await new Promise<void>((resolve) => piped.child.stdout?.once("data", () => resolve()));
  piped.child.stdout?.destroy();
  await streams.fill("live.a", numberedRows(4, 500));
  expect((await piped.finished).exitCode).toBe(0);
});

test("a subject that nothing keeps is listened to", async () => {
  const live = startCli(["tail", "core.news", "--limit", "2", "--json", "--format", "json"], options());
  let sent = 0;
  const timer = setInterval(() => streams.connection.publish("core.news", `{"n":${++sent}}`), 20);
  const { exitCode, stdout } = await live.finished;
  clearInterval(timer);
  expect(exitCode).toBe(0);
  const [first] = stdout.split("\n");
  expect(JSON.parse(first ?? "")).toMatchObject({ subject: "core.news", value: { n: expect.any(Number) } });
  expect(JSON.parse(first ?? "")).not.toHaveProperty("seq");
});

test("a work queue is looked at without taking anything from it", async () => {
  await streams.add("QUEUE", "queue.>", { retention: "workqueue" as never });
  await streams.fill("queue.a", numberedRows(1, 300));
  expect(await lines("QUEUE", "--from", "first")).toHaveLength(300);
  expect(await streams.count("QUEUE")).toBe(300);
});

test("what is not there, and who may not", async () => {
  const away = await runCli(["tail", "ORDERS", "--servers", "127.0.0.1:1", "--option", "connect_timeout=1s"]);
  expect([away.exitCode, away.stderr]).toEqual([7, expect.stringContaining("127.0.0.1:1")]);
  const option = await cli("ORDERS", "--option", "strem=x");
  expect([option.exitCode, option.stderr]).toEqual([2, expect.stringContaining('did you mean "stream"')]);
  const format = await cli("ORDERS", "--format", "jsn");
  expect([format.exitCode, format.stderr]).toEqual([2, expect.stringContaining('did you mean "json"')]);
});

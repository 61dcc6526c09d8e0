import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { stripVTControlCharacters } from "node:util";
import { type NatsServer, startNatsServer } from "@x/nats-testkit";
import { connect } from "nats";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { main } from "../../src/main.js";

// A server is killed and comes back meanwhile: that takes as long as it takes.
vi.setConfig({ testTimeout: 90_000, hookTimeout: 60_000 });

const folder = mkdtempSync(join(tmpdir(), "nats-pipeline-cli-"));
let server: NatsServer;

beforeAll(async () => {
  server = await startNatsServer();
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

/** A terminal that keeps what was written to it. */
function createTerminal(columns: number) {
  const stream = Object.assign(new PassThrough(), { isTTY: true, columns });
  let text = "";
  stream.on("data", (chunk: Buffer) => {
    text += chunk;
  });
  return { stream, text: () => text };
}

async function fill(from: number, to: number): Promise<void> {
  const connection = await connect({ servers: server.url });
  const manager = await connection.jetstreamManager();
  for (const [name, subject] of [
    ["IN", "in.rows"],
    ["OUT", "out.rows"],
  ] as const) {
    await manager.streams.add({ name, subjects: [subject] });
  }
  for (let n = from; n <= to; n++) await connection.jetstream().publish("in.rows", JSON.stringify({ n }));
  await connection.close();
}

const table = (type: string, more: string): string =>
  `WITH (connector = 'nats', servers = '${server.url}', type = '${type}', format = 'json', ${more});`;

test("the live line tells of rates, lag and checkpoints, of a server that is away, and a run goes on when it is back", async () => {
  await fill(1, 20);
  const file = join(folder, "live.sql");
  writeFileSync(
    file,
    `CREATE TABLE input (n BIGINT) ${table("source", "stream = 'IN'")}
     CREATE TABLE output (n BIGINT) ${table("sink", "stream = 'OUT', subject = 'out.rows'")}
     INSERT INTO output SELECT * FROM input;`,
  );
  const wide = createTerminal(200);
  const running = main(["run", file, "--max-rows", "30", "--state", "memory:", "--log-level", "error"], {
    stdout: new PassThrough(),
    stderr: wide.stream,
  });
  while (!/in .* rows\/s \(20\).*out .* rows\/s \(20\).*lag 0.*checkpoint \d+\.\ds ago/.test(wide.text()))
    await sleep(20);
  expect(wide.text()).toContain("\x1b[1mlive\x1b[22m");
  await server.kill();
  while (!/server away since \d+ s/.test(wide.text())) await sleep(20);
  await server.restart();
  await fill(21, 30);
  expect(await running).toBe(0);
  const [last] = wide.text().split("\n").slice(-2);
  expect(last).toMatch(/live: done {2}· {2}30 rows in, 30 rows out.*reconnect/);
  const lines = wide.text().split("\n");
  const lastLive = lines.filter((line) => line.includes("rows/s (")).at(-1);
  expect(lastLive).not.toContain("away");
}, 60_000);

test("a narrow terminal cuts the line, so that it never wraps; NO_COLOR takes the colours away", async () => {
  const file = join(folder, "narrow.sql");
  writeFileSync(file, `CREATE TABLE input (n BIGINT) ${table("source", "stream = 'IN'")} SELECT n FROM input;`);
  const narrow = createTerminal(24);
  process.env.NO_COLOR = "1";
  const exitCode = await main(["run", file, "--max-rows", "5", "--state", "memory:"], {
    stdout: new PassThrough().resume(),
    stderr: narrow.stream,
  });
  delete process.env.NO_COLOR;
  expect(exitCode).toBe(0);
  const lines = narrow
    .text()
    .split("\n")
    .filter((line) => line.includes("narrow") && !line.includes("done"));
  for (const line of lines) expect(stripVTControlCharacters(line).replace("\r", "").length).toBeLessThan(24);
  expect(narrow.text()).not.toContain("\x1b[1m");
}, 60_000);

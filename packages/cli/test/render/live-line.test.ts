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
  await fill(1, 20);
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

/** A terminal that keeps what was written to it. */
function createTerminal(columns: number, rows = 40) {
  const stream = Object.assign(new PassThrough(), { isTTY: true, columns, rows });
  let text = "";
  stream.on("data", (chunk: Buffer) => {
    text += chunk;
  });
  return { stream, text: () => text };
}

async function fill(from: number, to: number, input = "IN"): Promise<void> {
  const connection = await connect({ servers: server.url });
  const manager = await connection.jetstreamManager();
  for (const [name, subject] of [
    [input, `${input.toLowerCase()}.rows`],
    ["OUT", "out.rows"],
  ] as const) {
    await manager.streams.add({ name, subjects: [subject] });
  }
  for (let n = from; n <= to; n++)
    await connection.jetstream().publish(`${input.toLowerCase()}.rows`, JSON.stringify({ n }));
  await connection.close();
}

const table = (type: string, more: string): string =>
  `WITH (connector = 'nats', servers = '${server.url}', type = '${type}', format = 'json', ${more});`;

test("the live line tells of rates, lag and checkpoints, of a server that is away, and a run goes on when it is back", async () => {
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

/** What a terminal shows, as far as live lines use one: up, carriage return, clear the line, clear what follows. */
function screenOf(text: string): readonly string[] {
  const lines: string[] = [""];
  let row = 0;
  const plain = text.replaceAll("\x1b[", "␛").replaceAll(/␛\d+m/g, "");
  for (const [piece] of plain.matchAll(/␛\d*[AKJ]|[\r\n]|[^␛\r\n]+/g)) {
    if (piece === "\n") row += 1;
    else if (/^␛\d+A$/.test(piece)) row -= Number(piece.slice(1, -1));
    else if (piece === "␛K") lines[row] = "";
    else if (piece === "␛J") lines.length = row;
    else if (piece !== "\r") lines[row] = (lines[row] ?? "") + piece;
  }
  return [...lines].map((line) => line ?? "");
}

test("a line of the log stays above the live line, which stands there once", async () => {
  await fill(1, 10, "LOGGED");
  const file = join(folder, "logged.sql");
  writeFileSync(
    file,
    `CREATE TABLE input (n BIGINT) ${table("source", "stream = 'LOGGED'")}
     CREATE TABLE output (n BIGINT) ${table("sink", "stream = 'OUT', subject = 'out.rows'")}
     INSERT INTO output SELECT * FROM input;`,
  );
  const terminal = createTerminal(200);
  const running = main(["run", file, "--max-rows", "11", "--state", "memory:", "--log-level", "info"], {
    stdout: new PassThrough(),
    stderr: terminal.stream,
  });
  while (!/out .* rows\/s \(10\)/.test(terminal.text())) await sleep(20);
  await server.kill();
  while (!/away since \d+ s/.test(terminal.text())) await sleep(20);
  await server.restart();
  await fill(11, 11, "LOGGED");
  expect(await running).toBe(0);
  const said = stripVTControlCharacters(terminal.text())
    .split("\n")
    .filter((line) => /^\d\d:\d\d:\d\d /.test(line));
  expect(said.length).toBeGreaterThan(0);
  const screen = screenOf(terminal.text());
  expect(said.filter((line) => !screen.includes(line))).toEqual([]);
  expect(screen.filter((line) => line.includes("rows/s ("))).toHaveLength(1);
}, 60_000);

test("more pipelines than the terminal has lines, and a terminal that does not know its size", async () => {
  const file = join(folder, "many.sql");
  const sinks = [1, 2, 3, 4].map(
    (n) => `CREATE TABLE output${n} (n BIGINT) ${table("sink", "stream = 'OUT', subject = 'out.rows'")}
     INSERT INTO output${n} SELECT * FROM input;`,
  );
  writeFileSync(file, `CREATE TABLE input (n BIGINT) ${table("source", "stream = 'IN'")}\n${sinks.join("\n")}`);
  const run = async (columns: number, rows: number): Promise<string> => {
    const terminal = createTerminal(columns, rows);
    const code = await main(["run", file, "--max-rows", "5", "--state", "memory:"], {
      stdout: new PassThrough(),
      stderr: terminal.stream,
    });
    expect(code).toBe(0);
    return terminal.text();
  };
  const low = screenOf(await run(200, 4));
  const drawn = low.filter((line) => /rows\/s \(|more$/.test(line));
  expect(drawn).toHaveLength(3);
  expect(drawn.at(-1)).toBe("… and 2 more");
  expect(await run(0, 0)).toMatch(/many-output4.*rows\/s/);
}, 60_000);

test("rows that are printed to the terminal have it for themselves", async () => {
  const file = join(folder, "rows.sql");
  writeFileSync(file, `CREATE TABLE input (n BIGINT) ${table("source", "stream = 'IN'")} SELECT n FROM input;`);
  const terminal = createTerminal(200);
  const code = await main(["run", file, "--max-rows", "20", "--state", "memory:"], {
    stdout: terminal.stream,
    stderr: terminal.stream,
  });
  expect(code).toBe(0);
  expect(terminal.text()).not.toContain("\x1b[K");
  expect(terminal.text().split("\n")).toHaveLength(22);
}, 60_000);

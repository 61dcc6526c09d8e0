import { setTimeout as sleep } from "node:timers/promises";
import { type NatsServer, startNatsServer } from "@x/nats-testkit";
import { headers as createHeaders, type StreamConfig } from "nats";
import { afterAll, beforeAll, expect, test } from "vitest";
import { pipelineSql } from "../src/pipeline-sql.js";
import { type CliResult, runCli } from "../src/run-cli.js";
import { openStreams, type Streams } from "../src/streams.js";
import { openWorkFolder, type WorkFolder } from "../src/work-folder.js";

interface Letter {
  readonly number: number;
  readonly code: string;
  readonly reason: string;
  readonly origin: {
    readonly kind: string;
    readonly subject?: string;
    readonly stream?: string;
    readonly sequence?: number;
  };
  readonly stuck?: string;
}

let server: NatsServer;
let streams: Streams;
let folder: WorkFolder;
let tests = 0;

beforeAll(async () => {
  server = await startNatsServer();
  streams = await openStreams(server.url);
  folder = openWorkFolder();
});

afterAll(async () => {
  await streams[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

const cli = (...args: string[]): Promise<CliResult> =>
  runCli(args, { cwd: folder.path, env: { NATS_URL: server.url } });

async function dlq<T = Letter>(...args: string[]): Promise<T[]> {
  const { exitCode, stdout, stderr } = await cli("dlq", ...args, "--json");
  expect(exitCode, stderr).toBe(0);
  const lines = stdout.split("\n").filter((line) => line !== "");
  return lines.map((line) => JSON.parse(line) as T);
}

/** Streams of a test's own and a pipeline that keeps what it cannot read. */
async function prepare(input: Partial<StreamConfig> = {}) {
  tests += 1;
  const names = { in: `IN${tests}`, out: `OUT${tests}`, dlq: `DLQ${tests}` };
  const subjects = { in: `in${tests}.rows`, out: `out${tests}.rows`, dlq: `dlq${tests}.rows` };
  await streams.add(names.in, subjects.in, { duplicate_window: 1_000_000_000, ...input });
  await streams.add(names.out, subjects.out);
  await streams.add(names.dlq, subjects.dlq);
  const letters = `, bad_data = 'dead_letter', 'dead_letter.subject' = '${subjects.dlq}'`;
  const sql = (columns: string, source = letters, sink = ""): string =>
    pipelineSql({ columns, source, sink })
      .replaceAll("'INPUT'", `'${names.in}'`)
      .replaceAll("'OUTPUT'", `'${names.out}'`)
      .replaceAll("out.rows", subjects.out);
  const write = (text: string): string => folder.write(`t${tests}.sql`, text);
  const run = async (file: string): Promise<CliResult> => {
    const result = await cli("run", file, "--json", "--until-caught-up");
    expect(result.exitCode, result.stderr).toBe(0);
    return result;
  };
  return { names, subjects, sql, write, run, letters };
}

test("a poison message: listed, shown, redriven in order with its id and headers once the table is mended", async () => {
  const { names, subjects, sql, write, run } = await prepare();
  const jetstream = streams.connection.jetstream();
  const headers = createHeaders();
  headers.append("X-Trace", "abc");
  headers.append("X-Subject", "the producer's own");
  await streams.fill(subjects.in, [{ n: 1 }]);
  await jetstream.publish(subjects.in, '{"n":"two"}', { msgID: "id-2", headers });
  await jetstream.publish(subjects.in, '{"n":"three"}');
  await streams.fill(subjects.in, [{ n: 4 }]);
  const file = write(sql("n BIGINT"));
  expect((await run(file)).pipelines).toMatchObject([{ rowsIn: 2, badRows: 2 }]);

  const letters = await dlq("ls", file);
  expect(letters).toMatchObject([
    { number: 1, code: "BAD_DATA", origin: { stream: names.in, sequence: 2, subject: subjects.in } },
    { number: 2, code: "BAD_DATA", origin: { sequence: 3 } },
  ]);
  expect(letters.every(({ stuck }) => stuck === undefined)).toBe(true);
  const words = await cli("dlq", "ls", names.dlq);
  expect(words.stdout).toMatch(new RegExp(`^1 +20\\S+ +BAD_DATA +${names.in}:2 +.*column "n"`, "m"));
  const [shown] = await dlq<{ headers: string[][]; payload: string }>("show", subjects.dlq, "1");
  expect(shown).toMatchObject({ payload: '{"n":"two"}' });
  expect(shown?.headers).toEqual(
    expect.arrayContaining([
      ["X-Trace", "abc"],
      ["X-Subject", "the producer's own"],
      ["Nats-Msg-Id", "id-2"],
    ]),
  );
  expect((await cli("dlq", "show", file, "1")).stdout).toContain('payload, 11 bytes:\n{"n":"two"}\n');

  const dry = await dlq<{ event: string }>("redrive", file, "--all", "--dry-run");
  expect(dry.map(({ event }) => event)).toEqual(["would-redrive", "would-redrive"]);
  expect([await streams.count(names.dlq), await streams.count(names.in)]).toEqual([2, 4]);

  // The table takes text now; the source goes on behind what it has read.
  write(sql("n TEXT").replace("bad_data", "'json.unstructured' = 'false', bad_data"));
  const redriven = await dlq<{ stored: { sequence: number }; removed: boolean }>("redrive", file, "--all");
  expect(redriven.map(({ stored }) => stored.sequence)).toEqual([5, 6]);
  expect(redriven.every(({ removed }) => removed)).toBe(true);
  expect(await streams.count(names.dlq)).toBe(0);
  const manager = await streams.connection.jetstreamManager();
  const again = await manager.streams.getMessage(names.in, { seq: 5 });
  expect([again.header.get("Nats-Msg-Id"), again.header.get("X-Trace"), again.header.get("X-Subject")]).toEqual([
    "id-2",
    "abc",
    "the producer's own",
  ]);
  expect([...again.header.keys()].filter((name) => name.startsWith("X-Error"))).toEqual([]);
  expect((await run(file)).pipelines).toMatchObject([{ rowsIn: 2, badRows: 0 }]);
  expect(await streams.rows(names.out)).toEqual([{ n: 1 }, { n: 4 }, { n: "two" }, { n: "three" }]);
});

test("a message id that the stream still knows: the redrive waits, and nothing is lost or stored twice", async () => {
  const { names, subjects, sql, write, run } = await prepare({ duplicate_window: 5_000_000_000 });
  const jetstream = streams.connection.jetstream();
  await jetstream.publish(subjects.in, "poison", { msgID: "id-1" });
  await jetstream.publish(subjects.in, "poison too");
  const file = write(sql("n BIGINT"));
  await run(file);
  const waiting = await cli("dlq", "redrive", file, "1", "--keep");
  expect([waiting.exitCode, waiting.stderr]).toEqual([0, expect.stringContaining("letter 1 waits")]);
  expect(await streams.count(names.in)).toBe(3);
  // As after a crash between publish and removal: the letter is still there, and redriven again.
  await dlq("redrive", file, "2", "--keep");
  const repeated = await dlq<{ stored: { sequence: number }; removed: boolean }>("redrive", file, "1", "2");
  expect(repeated).toMatchObject([
    { stored: { sequence: 3 }, removed: true },
    { stored: { sequence: 4 }, removed: true },
  ]);
  expect([await streams.count(names.in), await streams.count(names.dlq)]).toEqual([4, 0]);
});

test("one line of several, and a row that a sink refused", async () => {
  const { names, subjects, sql, write, run, letters } = await prepare();
  await streams.connection.jetstream().publish(subjects.in, '{"n":1}\nno\n{"n":3}\nnope\n', { msgID: "lines" });
  const framed = write(sql("n BIGINT", `${letters}, framing = 'newline'`));
  await run(framed);
  const found = await dlq("ls", framed);
  expect(found).toMatchObject([{ origin: { sequence: 1, line: 2 } }, { origin: { sequence: 1, line: 4 } }]);
  await dlq("redrive", framed, "--all");
  const manager = await streams.connection.jetstreamManager();
  const texts = await Promise.all(
    [2, 3].map(async (seq) => (await manager.streams.getMessage(names.in, { seq })).string()),
  );
  expect(texts).toEqual(["no", "nope"]);

  const { names: mine, subjects: to, sql: text, write: save, run: start, letters: keep } = await prepare();
  await streams.fill(to.in, [{ n: "a.b" }]);
  const file = save(text("n TEXT", "", keep).replace(`subject = '${to.out}'`, `subject = 'out${tests}.{n}'`));
  await manager.streams.update(mine.out, { subjects: [`out${tests}.*`] });
  await start(file);
  const [row] = await dlq("ls", file);
  expect(row).toMatchObject({ origin: { kind: "row" }, stuck: expect.stringContaining("row") });
  const stays = await cli("dlq", "redrive", file, "--all");
  expect([stays.exitCode, stays.stderr]).toEqual([0, expect.stringContaining("0 redriven, 1 stay")]);
  await dlq("redrive", file, "1", "--to", `out${tests}.mended`);
  expect(await streams.rows(mine.out)).toEqual([{ n: "a.b" }]);
});

test.each(["limits", "workqueue"])(
  "messages that a server gave up (%s): from the advisories in a stream",
  async (retention) => {
    const { names, subjects } = await prepare({ retention: retention as never });
    const manager = await streams.connection.jetstreamManager();
    const advisories = `ADVISORIES${tests}`;
    await streams.add(advisories, `$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.${names.in}.>`);
    const consumer = {
      durable_name: "impatient",
      ack_policy: "explicit" as never,
      max_deliver: 1,
      ack_wait: 100_000_000,
    };
    await manager.consumers.add(names.in, consumer);
    await streams.fill(subjects.in, [{ n: 1 }, { n: 2 }]);
    const pulling = await streams.connection.jetstream().consumers.get(names.in, "impatient");
    for await (const _ of await pulling.fetch({ max_messages: 2, expires: 1000 }));
    while ((await streams.count(advisories)) < 2) {
      // The server looks for what is overdue when somebody pulls.
      for await (const _ of await pulling.fetch({ max_messages: 1, expires: 1000 }));
      await sleep(50);
    }
    const letters = await dlq("ls", advisories);
    // The server gives them up in any order.
    const found = letters.map(({ code, origin }) => [code, origin.sequence, origin.subject]);
    expect(found.toSorted(([, a], [, b]) => Number(a) - Number(b))).toEqual([
      ["MAX_DELIVERIES", 1, subjects.in],
      ["MAX_DELIVERIES", 2, subjects.in],
    ]);
    expect(letters[0]?.reason).toContain('"impatient" gave it up after 1');
    await dlq("redrive", advisories, "--all");
    const kept = retention === "workqueue" ? 2 : 4;
    expect([await streams.count(names.in), await streams.count(advisories)]).toEqual([kept, 0]);
  },
);

test("what cannot be: said before anything is done", async () => {
  const { names, subjects, sql, write } = await prepare();
  const refusal = async (...args: string[]): Promise<string> => {
    const { exitCode, stderr } = await cli("dlq", ...args);
    expect(exitCode).toBe(2);
    return stderr;
  };
  expect(await refusal("ls", write(sql("n BIGINT", "")))).toContain("no table has bad_data = 'dead_letter'");
  expect(await refusal("ls", "nothing.here")).toContain('no stream captures "nothing.here"');
  expect(await refusal("show", names.dlq, "7")).toContain("holds no letter 7");
  expect(await refusal("redrive", names.dlq)).toContain("--all");
  expect(await refusal("redrive", names.dlq, "1", "--all")).toContain("--all");
  await streams.fill(subjects.dlq, [{ foreign: true }]);
  expect(await dlq("ls", names.dlq)).toMatchObject([{ code: "FOREIGN", stuck: "it is no dead letter" }]);
});

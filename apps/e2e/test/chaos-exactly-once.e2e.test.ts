import { setTimeout as sleep } from "node:timers/promises";
import { startNatsServer } from "@x/nats-testkit";
import { expect, test } from "vitest";
import { obtainNatsServer } from "../../../tooling/nats-server/obtain-nats-server.mjs";
import { openServer } from "../src/chaos-place.js";
import {
  atomic,
  avroToProtobuf,
  chain,
  fanOut,
  fanOutByChain,
  fanOutDrawn,
  fanOutDrawnByChain,
  fencedMsgid,
  filtered,
} from "../src/chaos-setups.js";
import { describeChaos } from "../src/describe-chaos.js";
import { numberedRows } from "../src/pipeline-sql.js";
import { openStreams } from "../src/streams.js";
import { openWorkFolder } from "../src/work-folder.js";

const openOld = async () => openServer((await obtainNatsServer({ series: "2.10" })).path);

describeChaos("one server, atomic", atomic, () => openServer());
describeChaos("one server, chain", chain, () => openServer());
describeChaos("one server 2.10, chain", chain, openOld);
describeChaos("one server, atomic, with a filter and many subjects", filtered, () => openServer(), 2);
describeChaos("one server, atomic, from Avro to Protobuf", avroToProtobuf, () => openServer(), 3);
describeChaos("one server, atomic, several rows of one", fanOut, () => openServer(), 3);
describeChaos("one server, atomic, several rows of one that differ each time", fanOutDrawn, () => openServer(), 2);
describeChaos("one server 2.10, chain, several rows of one", fanOutByChain, openOld, 2);
describeChaos("one server 2.10, chain, several rows of one that differ each time", fanOutDrawnByChain, openOld, 1);
describeChaos(
  "one server, chain, several rows of one that differ each time",
  fanOutDrawnByChain,
  () => openServer(),
  1,
);

test.each([
  ["atomic", atomic],
  ["chain", chain],
  ["fenced-msgid", fencedMsgid],
])("%s: a frozen instance that wakes up cannot write one message, and says who took over", async (_name, setup) => {
  await using server = await startNatsServer();
  await using streams = await openStreams(server.url);
  await streams.add("INPUT", "in.rows");
  await streams.add("OUTPUT", "out.>", setup.output);
  using folder = openWorkFolder();
  const start = setup.prepare(folder, server.url);
  const written = async (): Promise<number[]> =>
    (await streams.rows<{ n?: number }>("OUTPUT")).flatMap(({ n }) => (n === undefined ? [] : [n]));

  const frozen = start("a");
  let fed = 0;
  const feed = async (count: number): Promise<void> => {
    await streams.fill("in.rows", numberedRows(fed + 1, fed + count));
    fed += count;
  };
  await feed(2000);
  while ((await streams.count("OUTPUT")) < 1000) await sleep(20);
  // In the middle of what it reads and writes.
  await feed(3000);
  frozen.child.kill("SIGSTOP");
  const newer = start("b");
  await feed(1000);
  while ((await written()).length < fed) await sleep(50);
  frozen.child.kill("SIGCONT");
  await feed(1000);
  const ended = await frozen.finished;
  expect(ended.exitCode, ended.stderr).toBe(5);
  expect(ended.stderr).toContain("FENCED");
  while ((await written()).length < fed) await sleep(50);
  newer.child.kill("SIGINT");
  expect((await newer.finished).exitCode).toBe(0);
  expect(await written()).toEqual(numberedRows(1, fed).map(({ n }) => n));
});

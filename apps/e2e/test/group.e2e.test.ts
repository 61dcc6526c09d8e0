import { startNatsServer } from "@x/nats-testkit";
import { expect, test } from "vitest";
import { endMembers, startMember } from "../src/group-members.js";
import { groupOf, sharesOf } from "../src/group-view.js";
import { runCli } from "../src/run-cli.js";
import { compareRows, SplitStreams } from "../src/split-pipeline.js";
import { openWorkFolder } from "../src/work-folder.js";

const patience = { timeout: 40_000 };

test("members share the splits evenly, and hand them over without a row too many", async () => {
  using here = openWorkFolder();
  using there = openWorkFolder();
  await using server = await startNatsServer();
  await using streams = await SplitStreams.open(server.url);
  const first = startMember(here, server.url, "at_least_once");
  await expect.poll(() => sharesOf(first), patience).toEqual([4]);
  const feeding = new AbortController();
  const fed = streams.feedUntil(feeding.signal);
  const second = startMember(there, server.url, "at_least_once");
  await expect.poll(() => sharesOf(first), patience).toEqual([2, 2]);
  const third = startMember(there, server.url, "at_least_once");
  await expect.poll(() => sharesOf(first), patience).toEqual([2, 1, 1]);
  await endMembers(first);
  await expect.poll(() => sharesOf(third), patience).toEqual([2, 2]);
  feeding.abort();
  await fed;
  await expect.poll(() => streams.outputCount(), patience).toBe(streams.fed);
  await endMembers(second, third);
  expect(compareRows(await streams.outputs(), streams.fed)).toEqual({ lost: 0, repeated: 0 });
}, 120_000);

test("a group is explained, and its position goes into one process and back, under new names", async () => {
  using folder = openWorkFolder();
  await using server = await startNatsServer();
  await using streams = await SplitStreams.open(server.url);
  await streams.feed(400);
  const options = { env: { NATS_URL: server.url }, cwd: folder.path };
  const member = startMember(folder, server.url, "exactly_once");
  await expect.poll(() => streams.outputCount(), patience).toBe(400);
  const file = `${folder.path}/job.sql`;
  const state = ["--state", "nats-kv:STATE"];
  const explained = await runCli(["explain", file, ...state, "--json"], options);
  const [{ sharing, checkpoint }] = JSON.parse(explained.stdout).pipelines;
  expect(checkpoint.start).toBe("behind the last checkpoint");
  expect(sharing.group).toMatchObject({ name: "four", splits: groupOf(member)?.splits });
  await endMembers(member);

  const bounded = ["--until-caught-up", "--json", ...state];
  const fork = async (from: string, to: string, ...flags: string[]): Promise<void> => {
    const { exitCode, stderr } = await runCli(
      ["checkpoint", "fork", file, to, "--name", from, ...state, ...flags],
      options,
    );
    expect(exitCode, stderr).toBe(0);
  };
  await fork("job", "alone");
  await streams.feed(40);
  const alone = await runCli(["run", file, "--name", "alone", ...bounded], options);
  expect(alone, alone.stderr).toMatchObject({ exitCode: 0, pipelines: [{ rowsIn: 40, rowsOut: 40 }] });
  await fork("alone", "again", "--group");
  await streams.feed(60);
  const again = await runCli(["run", file, "--name", "again", "--workers", "2", ...bounded], options);
  expect(again, again.stderr).toMatchObject({ exitCode: 0, pipelines: [{ rowsIn: 60, rowsOut: 60 }] });
  expect(compareRows(await streams.outputs(), 500)).toEqual({ lost: 0, repeated: 0 });
}, 120_000);

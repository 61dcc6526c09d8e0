import { startNatsServer } from "@x/nats-testkit";
import { expect, test } from "vitest";
import { endMembers, startMember } from "../src/group-members.js";
import { sharesOf } from "../src/group-view.js";
import { compareRows, SplitStreams } from "../src/split-pipeline.js";
import { openWorkFolder } from "../src/work-folder.js";

const patience = { timeout: 40_000 };

test("a member that was frozen cannot write what others have taken over, and joins again", async () => {
  using folder = openWorkFolder();
  await using server = await startNatsServer();
  await using streams = await SplitStreams.open(server.url);
  const frozen = startMember(folder, server.url, "exactly_once", "--log-level", "info");
  const other = startMember(folder, server.url, "exactly_once");
  await expect.poll(() => sharesOf(other), patience).toEqual([2, 2]);
  const feeding = new AbortController();
  const fed = streams.feedUntil(feeding.signal);
  await expect.poll(() => streams.outputCount(), patience).toBeGreaterThan(200);
  frozen.child.kill("SIGSTOP");
  await expect.poll(() => sharesOf(other), patience).toEqual([4]);
  const before = await streams.outputCount();
  await expect.poll(() => streams.outputCount(), patience).toBeGreaterThan(before + 200);
  frozen.child.kill("SIGCONT");
  await expect.poll(frozen.stderr, patience).toContain("joins again");
  await expect.poll(() => sharesOf(other), patience).toEqual([2, 2]);
  feeding.abort();
  await fed;
  await expect.poll(() => streams.outputCount(), patience).toBe(streams.fed);
  await endMembers(frozen, other);
  expect(compareRows(await streams.outputs(), streams.fed)).toEqual({ lost: 0, repeated: 0 });
}, 120_000);

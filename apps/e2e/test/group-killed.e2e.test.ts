import { startNatsServer } from "@x/nats-testkit";
import { expect, test } from "vitest";
import { endMembers, startMember } from "../src/group-members.js";
import { sharesOf } from "../src/group-view.js";
import { compareRows, SplitStreams } from "../src/split-pipeline.js";
import { openWorkFolder } from "../src/work-folder.js";

const patience = { timeout: 40_000 };

test("a member that is killed under load is replaced by the others, and each row is still written once", async () => {
  using folder = openWorkFolder();
  await using server = await startNatsServer();
  await using streams = await SplitStreams.open(server.url);
  const first = startMember(folder, server.url, "exactly_once");
  const second = startMember(folder, server.url, "exactly_once");
  await expect.poll(() => sharesOf(second), patience).toEqual([2, 2]);
  const feeding = new AbortController();
  const fed = streams.feedUntil(feeding.signal);
  await expect.poll(() => streams.outputCount(), patience).toBeGreaterThan(200);
  first.child.kill("SIGKILL");
  await expect.poll(() => sharesOf(second), patience).toEqual([4]);
  feeding.abort();
  await fed;
  await expect.poll(() => streams.outputCount(), patience).toBe(streams.fed);
  await endMembers(second);
  expect(compareRows(await streams.outputs(), streams.fed)).toEqual({ lost: 0, repeated: 0 });
}, 120_000);

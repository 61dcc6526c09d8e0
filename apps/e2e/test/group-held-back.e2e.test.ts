import { startFaultProxy, startNatsServer } from "@x/nats-testkit";
import { expect, test } from "vitest";
import { endMembers, startMember } from "../src/group-members.js";
import { sharesOf } from "../src/group-view.js";
import { compareRows, SplitStreams } from "../src/split-pipeline.js";
import { openWorkFolder } from "../src/work-folder.js";

const patience = { timeout: 40_000 };

test("what a member had sent and the network held back is refused once others have its splits", async () => {
  using folder = openWorkFolder();
  await using server = await startNatsServer();
  await using streams = await SplitStreams.open(server.url);
  await using proxy = await startFaultProxy({ target: server.url });
  const cut = startMember(folder, proxy.url, "exactly_once", "--log-level", "info");
  await expect.poll(() => sharesOf(cut), patience).toEqual([4]);
  const feeding = new AbortController();
  const fed = streams.feedUntil(feeding.signal);
  await expect.poll(() => streams.outputCount(), patience).toBeGreaterThan(200);
  proxy.blackhole(true, "toTarget");
  const other = startMember(folder, server.url, "exactly_once");
  await expect.poll(() => sharesOf(other), patience).toEqual([4]);
  const before = await streams.outputCount();
  await expect.poll(() => streams.outputCount(), patience).toBeGreaterThan(before + 200);
  proxy.blackhole(false, "toTarget");
  await expect.poll(cut.stderr, patience).toContain("joins again");
  await expect.poll(() => sharesOf(other), patience).toEqual([2, 2]);
  feeding.abort();
  await fed;
  await expect.poll(() => streams.outputCount(), patience).toBe(streams.fed);
  await endMembers(cut, other);
  expect(compareRows(await streams.outputs(), streams.fed)).toEqual({ lost: 0, repeated: 0 });
}, 120_000);

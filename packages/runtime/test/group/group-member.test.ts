import { ConnectorError, memoryBoard, memoryCheckpoints, type SourceFinish } from "@x/connector-api";
import { expect, test } from "vitest";
import { type GroupSpec, splitName, startGroupMember, startPipeline, ungroupedStore } from "../../src/index.js";
import { CountingSource } from "../counting-source.js";
import { RecordingSink } from "../recording-sink.js";

const pace = { beatMs: 5, leaseMs: 60_000 };
const oneTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i + 1);

/** A source that goes on listening behind its last row. */
class OpenSource extends CountingSource {
  override async run(...[context, collector]: Parameters<CountingSource["run"]>): Promise<SourceFinish> {
    const finish = await super.run(context, collector);
    if (finish !== "final") return finish;
    const over = AbortSignal.any([context.drain, context.signal]);
    if (!over.aborted) await new Promise((resolve) => over.addEventListener("abort", resolve));
    return context.signal.aborted ? "immediate" : "graceful";
  }
}

/** What members of one group have in common. */
function group(names: readonly string[], source = () => new OpenSource(500)) {
  const written = new Map(names.map((name) => [name, [] as RecordingSink[]]));
  const given = { name: "p", group: "p", splits: names, board: memoryBoard(), checkpoints: memoryCheckpoints() };
  const spec = (pid: number): GroupSpec => ({
    ...given,
    ...{ host: "h", pid, pace, checkpointIntervalMs: 5 },
    operators: (split) => {
      const sink = new RecordingSink();
      written.get(split)?.push(sink);
      return { source: source(), sink };
    },
  });
  const rows = (split: string): number[] => written.get(split)?.flatMap((sink) => sink.written) ?? [];
  return { ...given, spec, rows };
}

test("members that come and go hand splits over behind a checkpoint, and read each row once", async () => {
  const { spec, rows, checkpoints } = group(["0", "1", "2"]);
  const first = startGroupMember(spec(1));
  await expect.poll(() => first.state).toBe("running");
  await expect.poll(() => first.group?.holders.get("2")).toBeDefined();
  const second = startGroupMember(spec(2));
  const held = (one: typeof first): number =>
    [...(one.group?.holders.values() ?? [])].filter((id) => one.group?.own.has(id ?? "")).length;
  await expect.poll(() => [held(first), held(second)]).toEqual([2, 1]);
  first.drain();
  expect(await first.finished).toMatchObject({ exitCode: 0 });
  await expect.poll(() => [held(second), second.state]).toEqual([3, "running"]);
  await expect.poll(() => ["0", "1", "2"].map((split) => rows(split).length)).toEqual([500, 500, 500]);
  second.drain();
  const { exitCode, splits } = await second.finished;
  expect(exitCode).toBe(0);
  expect(Object.keys(splits ?? {}).sort()).toEqual(["0", "1", "2"]);
  for (const split of ["0", "1", "2"]) {
    expect(rows(split)).toEqual(oneTo(500));
    expect((await checkpoints.latest(splitName("p", split), () => {}))?.splits["0"]?.position).toBe(500);
  }
});

test("a pipeline of its own cannot go on where a group has stopped, nor the other way round", async () => {
  const { spec, checkpoints } = group(["0", "1"]);
  const member = startGroupMember(spec(1));
  await expect.poll(() => member.checkpoints.completed).toBeGreaterThan(1);
  member.drain();
  await member.finished;
  const alone = { name: "p", source: new CountingSource(10), sink: new RecordingSink() };
  const refused = startPipeline({ ...alone, checkpoints: ungroupedStore(checkpoints, ["0", "1"]) });
  expect(await refused.finished).toMatchObject({ exitCode: 2, error: { code: "OPTION_CONFLICT" }, rowsIn: 0 });

  const other = group(["0", "1"]);
  const plain = startPipeline({ ...alone, source: new CountingSource(10), checkpoints: other.checkpoints });
  expect(await plain.finished).toMatchObject({ exitCode: 0, rowsIn: 10 });
  const late = startGroupMember(other.spec(1));
  expect(await late.finished).toMatchObject({ exitCode: 2, error: { code: "OPTION_CONFLICT" }, rowsIn: 0 });
});

test("a split that is claimed from outside ends the group with FENCED, and the newest claim stands", async () => {
  const { spec, checkpoints } = group(["0", "1"]);
  const members = [startGroupMember(spec(1)), startGroupMember(spec(2))];
  await expect.poll(() => members.map(({ checkpointAgeMs }) => checkpointAgeMs !== undefined)).toEqual([true, true]);
  await checkpoints.claim(splitName("p", "1"), "outsider");
  const summaries = await Promise.all(members.map(({ finished }) => finished));
  expect(summaries.map(({ exitCode }) => exitCode)).toEqual([5, 5]);
  expect((await checkpoints.holder(splitName("p", "1"))).instanceId).toBe("outsider");
});

test("rows that no member could take end all of them; what fails in one process alone ends that one", async () => {
  const failing = (error: ConnectorError) =>
    group(
      ["0", "1"],
      () =>
        new (class extends OpenSource {
          override async run(...given: Parameters<CountingSource["run"]>): Promise<SourceFinish> {
            await given[0].requestCheckpoint?.();
            throw error;
          }
        })(500),
    );
  const bad = failing(new ConnectorError("BAD_DATA", "no number"));
  const both = [startGroupMember(bad.spec(1)), startGroupMember(bad.spec(2))];
  expect((await Promise.all(both.map(({ finished }) => finished))).map(({ exitCode }) => exitCode)).toEqual([6, 6]);
  const denied = failing(new ConnectorError("PERMISSION_DENIED", "not here"));
  expect(await startGroupMember(denied.spec(1)).finished).toMatchObject({ exitCode: 3 });
  const { text } = await denied.board.read();
  expect(JSON.parse(text ?? "")).toMatchObject({ members: {}, splits: { 0: {}, 1: {} } });
  expect(JSON.parse(text ?? "").ended).toBeUndefined();
});

test("a member that was taken for dead stops what it had, whatever its runs are doing, and joins again", async () => {
  const { spec, board } = group(["0", "1"]);
  const member = startGroupMember(spec(1));
  await expect.poll(() => member.group?.holders.get("1")).toBeDefined();
  const before = member.group?.members;
  for (;;) {
    const entry = await board.read();
    const { members: _, ...record } = JSON.parse(entry.text ?? "{}");
    const splits = { 0: {}, 1: {} };
    if (await board.replace(entry, JSON.stringify({ ...record, members: {}, splits }))) break;
  }
  await expect.poll(() => member.group?.members.length === 1 && member.group.members[0] !== before?.[0]).toBe(true);
  await expect.poll(() => [...(member.group?.holders.values() ?? [])].every((id) => id !== undefined)).toBe(true);
  member.drain();
  expect(await member.finished).toMatchObject({ exitCode: 0 });
});

test("a group that is told to stop at once, or at a checkpoint, does", async () => {
  const { spec } = group(["0", "1"]);
  const member = startGroupMember(spec(1));
  await expect.poll(() => member.state).toBe("running");
  member.stop();
  expect(await member.finished).toMatchObject({ exitCode: 130 });
  const again = startGroupMember(spec(2));
  await expect.poll(() => again.checkpoints.completed).toBeGreaterThan(1);
  again.stopAtCheckpoint();
  expect(await again.finished).toMatchObject({ exitCode: 0 });
});

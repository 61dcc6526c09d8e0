import type { RunningCli } from "./run-cli.js";

export interface SeenGroup {
  readonly name: string;
  readonly members: readonly string[];
  readonly splits: Readonly<Record<string, string | null>>;
}

/** What a process said last about its group; undefined before it has said anything. */
export function groupOf(run: RunningCli): SeenGroup | undefined {
  const lines = run.stdout().split("\n").slice(0, -1);
  const last = lines.findLast((line) => line.startsWith('{"event":"progress"'));
  if (last === undefined) return undefined;
  return (JSON.parse(last) as { pipelines: { group?: SeenGroup }[] }).pipelines[0]?.group;
}

/** How many splits each member has, the greatest number first, as a process sees it: `[2, 2]`. */
export function sharesOf(run: RunningCli): readonly number[] {
  const { members = [], splits = {} } = groupOf(run) ?? {};
  const holders = Object.values(splits);
  return members.map((id) => holders.filter((holder) => holder === id).length).sort((a, b) => b - a);
}

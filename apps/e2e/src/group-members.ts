import { type RunningCli, startCli } from "./run-cli.js";
import { splitPipelineSql } from "./split-pipeline.js";
import type { WorkFolder } from "./work-folder.js";

/** Starts a member of the group "four" as on another machine: what it shares with others is in the bucket STATE. */
export function startMember(folder: WorkFolder, url: string, delivery: string, ...more: string[]): RunningCli {
  const file = folder.write("job.sql", splitPipelineSql(delivery));
  const shared = ["--group", "four", "--state", "nats-kv:STATE", "--json", "--checkpoint-interval", "50ms"];
  return startCli(["run", file, ...shared, ...more], { env: { NATS_URL: url }, cwd: folder.path });
}

/** Ends members in an orderly way, and rejects with what one has said that ends in another way. */
export async function endMembers(...members: readonly RunningCli[]): Promise<void> {
  for (const { child } of members) child.kill("SIGTERM");
  for (const { finished } of members) {
    const { exitCode, stderr } = await finished;
    if (exitCode !== 0) throw new Error(`a member ended with exit code ${exitCode}: ${stderr}`);
  }
}

/** Processes of the workers that have been started so far. */
export function workersOf(run: RunningCli): number[] {
  return [...run.stderr().matchAll(/a worker has started {2}pid=(\d+)/g)].map(([, pid]) => Number(pid));
}

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const cli = fileURLToPath(new URL("../../packages/cli/bin/nats-pipeline.js", import.meta.url));

/** Runs `nats-pipeline run` on an SQL file until it has caught up; shows its progress and resolves to its summary. */
export async function runPipeline({ sqlFile, natsUrl, stateFolder, stopped }) {
  const args = [cli, "run", sqlFile, "--until-caught-up", "--json", "--state", `file:${stateFolder}`];
  const child = spawn(process.execPath, args, {
    env: { ...process.env, NATS_URL: natsUrl },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const kill = () => child.kill("SIGKILL");
  process.once("exit", kill);
  stopped.addEventListener("abort", kill);

  let summary;
  for await (const line of createInterface({ input: child.stdout })) {
    const event = JSON.parse(line);
    if (event.event === "summary") [summary] = event.pipelines;
    if (event.event === "progress") show(event.pipelines[0]);
  }
  process.off("exit", kill);
  stopped.throwIfAborted();
  if (summary?.exitCode !== 0)
    throw new Error(`the pipeline ended with exit code ${summary?.exitCode ?? child.exitCode}`);
  return summary;
}

function show({ rowsIn, rowsOut, lag }) {
  const numbers = [rowsIn, rowsOut, lag ?? 0].map((n) => n.toLocaleString("en-US").padStart(9));
  console.log(`  in ${numbers[0]}   out ${numbers[1]}   lag ${numbers[2]}`);
}

import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Job, Timing } from "./entrant.js";
import type { Answer, Request } from "./entrant-messages.js";

/** An entrant in a process of its own, so that no entrant meets another one's garbage or deoptimized code. */
export interface RunningEntrant {
  turn(turn: number): Promise<Timing>;
  /** Bytes it holds after a forced collection. */
  memory(): Promise<number>;
  close(): Promise<void>;
}

/** `profileTo`: folder for a CPU profile of the whole process. Rejects with what the entrant failed with. */
export async function startEntrant(job: Job, name: string, profileTo: string | undefined): Promise<RunningEntrant> {
  const script = fileURLToPath(new URL("entrant-process.js", import.meta.url));
  const file = `${name.replaceAll(/[^a-z0-9]+/gi, "-")}.cpuprofile`;
  const profiling =
    profileTo === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${profileTo}`, `--cpu-prof-name=${file}`];
  const child = fork(script, {
    execArgv: ["--expose-gc", ...profiling],
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  const ask = (request: Request): Promise<Answer> => askChild(child, name, request);
  await ask({ kind: "open", job });
  return {
    async turn(turn) {
      const given = await ask({ kind: "turn", turn });
      if (given.kind !== "done") throw new Error(`${name}: a turn was not timed`);
      return given;
    },
    async memory() {
      const given = await ask({ kind: "memory" });
      if (given.kind !== "memory") throw new Error(`${name}: it did not say what it holds`);
      return given.bytes;
    },
    async close() {
      if (child.exitCode !== null || !child.connected) return;
      const gone = new Promise((resolve) => child.once("exit", resolve));
      child.disconnect();
      await gone;
    },
  };
}

/** Kind of answer to each kind of request: a turn may still go on when memory is asked for. */
const answers = { open: "ready", turn: "done", memory: "memory" } as const;

function askChild(child: ChildProcess, name: string, request: Request): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const settle = (act: () => void): void => {
      child.off("message", onMessage);
      child.off("exit", onExit);
      act();
    };
    const onMessage = (answer: Answer): void => {
      if (answer.kind === "failed") settle(() => reject(new Error(`${name}: ${answer.message}`)));
      else if (answer.kind === answers[request.kind]) settle(() => resolve(answer));
    };
    const onExit = (code: number | null): void =>
      settle(() => reject(new Error(`${name}: its process ended (${code})`)));
    child.on("message", onMessage);
    child.on("exit", onExit);
    child.send(request);
  });
}

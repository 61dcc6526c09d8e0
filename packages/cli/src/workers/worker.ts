import { type ChildProcess, fork } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { FromWorker, ToldPipeline, ToldSummary, ToWorker } from "./messages.js";

const program = fileURLToPath(new URL("./worker-process.js", import.meta.url));

/** How a worker is gone. */
export interface WorkerEnd {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface WorkerHandlers {
  /** A line of its log. */
  readonly onLine: (line: string) => void;
  readonly onBoard: (question: Extract<FromWorker, { type: "board" }>) => void;
}

/** A worker under way, as the command sees it. */
export class Worker {
  /** What it told last. */
  told: readonly ToldPipeline[] = [];
  /** Its last word; undefined for one that was killed or could not start. */
  summaries: readonly ToldSummary[] | undefined;
  readonly gone: Promise<WorkerEnd>;
  readonly #child: ChildProcess;

  /** In a process group of its own: a terminal's Ctrl-C reaches the command alone, which hands it on. */
  constructor(start: Extract<ToWorker, { type: "start" }>, { onLine, onBoard }: WorkerHandlers) {
    const child = fork(program, [], {
      serialization: "advanced",
      detached: true,
      stdio: ["ignore", "ignore", "pipe", "ipc"],
    });
    this.#child = child;
    child.on("message", (message: FromWorker) => {
      if (message.type === "board") onBoard(message);
      else if (message.type === "told") this.told = message.pipelines;
      else this.summaries = message.summaries;
    });
    if (child.stderr !== null) createInterface({ input: child.stderr }).on("line", onLine);
    this.gone = new Promise((resolve) => {
      child.once("error", () => resolve({ exitCode: 1, signal: null }));
      child.once("close", (exitCode, signal) => resolve({ exitCode, signal }));
    });
    this.say(start);
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  /** Nothing happens when it is gone already. */
  say(message: ToWorker): void {
    if (this.#child.connected) this.#child.send(message, () => {});
  }
}

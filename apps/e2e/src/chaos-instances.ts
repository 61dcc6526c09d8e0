import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { RunningCli } from "./run-cli.js";

/** Starts an instance of the pipeline whose state is kept in that folder. */
export type StartInstance = (stateFolder: string) => RunningCli;

interface Instance {
  readonly cli: RunningCli;
  readonly state: string;
  /** No instance that was taken over was running beside it when it began. */
  readonly alone: boolean;
  /** Another one was started in its place. */
  replaced: boolean;
}

/** Who was taken over learns it at the next commit; a machine under load may take a while to get there. */
const PATIENCE_MS = 90_000;

/**
 * The instances of one pipeline. One is the current one, and starts again whenever it ends; one that was replaced runs on
 * as a rival until it learns that, and then stays away.
 */
export class ChaosInstances implements AsyncDisposable {
  /** How many that were replaced have ended as they must: fenced. */
  fenced = 0;
  /** Exit codes of the others that ended by themselves. */
  readonly otherExitCodes: number[] = [];
  /** What instances that ended with an error have said. */
  readonly errors: string[] = [];
  /** What should not have happened. */
  readonly violations: string[] = [];
  readonly #launch: StartInstance;
  readonly #alive = new Set<Instance>();
  #current: Instance;
  #states = 0;
  #closed = false;

  constructor(launch: StartInstance) {
    this.#launch = launch;
    this.#current = this.#start("state");
  }

  /** kill -9. Resolves when that, and nothing else, has ended an instance. */
  async kill(): Promise<void> {
    for (;;) {
      const { cli } = this.#current;
      cli.child.kill("SIGKILL");
      if ((await cli.finished).exitCode === null) return;
    }
  }

  /** Stops an instance where it stands; it goes on to find another one in its place. */
  async freeze(ms: number): Promise<void> {
    let frozen = this.#current;
    while (!(await isFrozen(frozen))) {
      await frozen.cli.finished;
      frozen = this.#current;
    }
    this.rival();
    await sleep(ms);
    frozen.cli.child.kill("SIGCONT");
  }

  /** Another instance of the same pipeline, with a state folder of its own. The one before does not know. */
  rival(): void {
    this.#current.replaced = true;
    this.#states += 1;
    this.#current = this.#start(`state-${this.#states}`);
  }

  /** Resolves when every instance that was replaced has been fenced. */
  async whenAlone(): Promise<void> {
    const deadline = Date.now() + PATIENCE_MS;
    for (;;) {
      const rivals = [...this.#alive].filter(({ replaced }) => replaced);
      if (rivals.length === 0) return;
      if (Date.now() > deadline) {
        const said = rivals.map(({ cli, state }) => `${state}:\n${cli.stderr()}`).join("\n");
        throw new Error(`${rivals.length} instances that were taken over run on after ${PATIENCE_MS} ms\n${said}`);
      }
      await sleep(20);
    }
  }

  /** Stops the current one in an orderly way and resolves to its exit code. */
  async stop(): Promise<number | null> {
    this.#closed = true;
    const { cli } = this.#current;
    cli.child.kill("SIGINT");
    return (await cli.finished).exitCode;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    for (const { cli } of [...this.#alive]) {
      cli.child.kill("SIGKILL");
      await cli.finished;
    }
  }

  #start(state: string, replaced = false): Instance {
    const alone = ![...this.#alive].some((each) => each.replaced);
    const instance: Instance = { cli: this.#launch(state), state, alone, replaced };
    this.#alive.add(instance);
    void instance.cli.finished.then(({ exitCode, stderr }) => this.#ended(instance, exitCode, stderr));
    return instance;
  }

  #ended(instance: Instance, exitCode: number | null, stderr: string): void {
    this.#alive.delete(instance);
    if (exitCode !== null && exitCode !== 0) this.errors.push(stderr.trim());
    const backwards = overtakenByOlder(stderr);
    if (backwards !== undefined) this.violations.push(backwards);
    if (this.#closed) return;
    const { state, replaced, alone } = instance;
    if (replaced && exitCode === 5) {
      this.fenced += 1;
      return;
    }
    if (exitCode !== null) this.otherExitCodes.push(exitCode);
    if (exitCode === 5 && alone) this.violations.push(`an instance that was alone was fenced: ${stderr.trim()}`);
    const next = this.#start(state, replaced);
    if (instance === this.#current) this.#current = next;
  }
}

/** What an instance says of a message that is stored behind its claim of a split and has an older one. */
function overtakenByOlder(stderr: string): string | undefined {
  const [said = "", newer, own] = /writes split .* under epoch (\d+), this one \(\S+\) had (\d+)/.exec(stderr) ?? [];
  return Number(newer) <= Number(own) ? `an older instance has written behind a newer claim: ${said}` : undefined;
}

/** Sends SIGSTOP and resolves when it has worked; to false for an instance that ended before. */
async function isFrozen({ cli: { child } }: Instance): Promise<boolean> {
  child.kill("SIGSTOP");
  for (;;) {
    const state = stateOf(child.pid);
    if (child.exitCode !== null || child.signalCode !== null) return false;
    // Where the system has no `/proc`, the signal is believed.
    if (state === undefined || state === "T") return true;
    await sleep(1);
  }
}

function stateOf(pid: number | undefined): string | undefined {
  try {
    // The state follows the name, which is in parentheses and may hold anything.
    return /\) (\S)/.exec(readFileSync(`/proc/${pid}/stat`, "latin1"))?.[1];
  } catch {
    return undefined;
  }
}

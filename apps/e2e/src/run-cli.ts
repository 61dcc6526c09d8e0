import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { fileURLToPath } from "node:url";

const cli = fileURLToPath(new URL("../../../packages/cli/bin/nats-pipeline.js", import.meta.url));

export interface PipelineNumbers {
  readonly name: string;
  readonly exitCode: number;
  readonly rowsIn: number;
  readonly rowsOut: number;
  readonly badRows: number;
  readonly droppedRows: number;
  readonly checkpoints: number;
  readonly gaps: number;
  readonly reconnects: number;
  readonly durationMs: number;
}

export interface CliResult {
  /** Null when a signal ended the process. */
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** The pipelines of the summary event; empty when there was none. */
  readonly pipelines: readonly PipelineNumbers[];
}

export interface RunningCli {
  readonly child: ChildProcess;
  readonly finished: Promise<CliResult>;
  /** What has been written so far. */
  stdout(): string;
  stderr(): string;
}

export interface CliOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** True: what is written to stdout fails, as on a full disk. */
  readonly brokenStdout?: boolean;
}

/** Starts the command `nats-pipeline` in a process of its own. */
export function startCli(args: readonly string[], options: CliOptions = {}): RunningCli {
  return startScript(cli, args, options);
}

/** Starts a program of Node's in a process of its own. */
export function startScript(file: string, args: readonly string[], options: CliOptions = {}): RunningCli {
  // A file that is open for reading takes nothing, on every system.
  const out = options.brokenStdout === true ? openSync(file, "r") : undefined;
  const child = spawn(process.execPath, [file, ...args], {
    cwd: options.cwd,
    env: { ...process.env, NO_COLOR: "1", ...options.env },
    stdio: ["ignore", out ?? "pipe", "pipe"],
  });
  if (out !== undefined) closeSync(out);
  const kill = (): void => void child.kill("SIGKILL");
  process.once("exit", kill);
  let stdout = "";
  let stderr = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const finished = new Promise<CliResult>((resolve) => {
    child.once("close", (exitCode) => {
      process.off("exit", kill);
      resolve({ exitCode, stdout, stderr, pipelines: summaryIn(stdout) });
    });
  });
  return { child, finished, stdout: () => stdout, stderr: () => stderr };
}

export function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  return startCli(args, options).finished;
}

function summaryIn(stdout: string): readonly PipelineNumbers[] {
  const last = stdout.trimEnd().split("\n").at(-1) ?? "";
  if (!last.startsWith('{"event":"summary"')) return [];
  return (JSON.parse(last) as { pipelines: PipelineNumbers[] }).pipelines;
}

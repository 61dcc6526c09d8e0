import type { Command } from "commander";
import { checkCommand } from "./commands/check.js";
import { checkpointCommand } from "./commands/checkpoint.js";
import { devCommand } from "./commands/dev.js";
import { dlqCommand } from "./commands/dlq.js";
import { explainCommand } from "./commands/explain.js";
import { runCommand } from "./commands/run.js";
import { tailCommand } from "./commands/tail.js";
import { verifyCommand } from "./commands/verify.js";
import type { Output } from "./output.js";

/** One command of the command line. A new command is one file and one word in the list below. */
export interface CliCommand {
  /** Adds the command to the program; its action reports the exit code by `exit`. */
  register(program: Command, output: Output, exit: (code: number) => void): void;
}

export const commands: readonly CliCommand[] = [
  runCommand,
  checkCommand,
  explainCommand,
  checkpointCommand,
  tailCommand,
  dlqCommand,
  verifyCommand,
  devCommand,
];

import type { CliCommand } from "./cli-command.js";
import { checkCommand } from "./commands/check.js";
import { checkpointCommand } from "./commands/checkpoint.js";
import { devCommand } from "./commands/dev.js";
import { dlqCommand } from "./commands/dlq.js";
import { explainCommand } from "./commands/explain.js";
import { runCommand } from "./commands/run.js";
import { tailCommand } from "./commands/tail.js";
import { verifyCommand } from "./commands/verify.js";

/** What the command line offers. A new command is one file and one word here. */
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

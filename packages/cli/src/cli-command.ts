import type { Command } from "commander";
import type { Output } from "./output.js";

/** One command of the command line. */
export interface CliCommand {
  /** Adds the command to the program; its action reports the exit code by `exit`. */
  register(program: Command, output: Output, exit: (code: number) => void): void;
}

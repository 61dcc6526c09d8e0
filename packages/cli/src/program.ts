import { Command } from "commander";
import { commands } from "./commands.js";
import type { Output } from "./output.js";
import { packageVersion } from "./package-version.js";

/** The command line with every command of the list. `exit` is told the exit code of the command that ran. */
export function createProgram(output: Output, exit: (code: number) => void): Command {
  const program = new Command("nats-pipeline")
    .description("Run SQL pipelines over NATS Core and JetStream.")
    .version(packageVersion, "-V, --version")
    .showSuggestionAfterError()
    .showHelpAfterError("(add --help for usage)")
    .configureOutput({
      writeOut: (text) => output.stdout.write(text),
      writeErr: (text) => output.stderr.write(text),
    })
    .exitOverride();
  for (const command of commands) command.register(program, output, exit);
  return program;
}

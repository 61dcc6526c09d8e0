import type { CliCommand } from "../cli-command.js";
import type { ExplainFlags } from "../explain-script.js";
import { addScriptFlags, stateFlag } from "../script-flags.js";

export const explainCommand: CliCommand = {
  register(program, output, exit) {
    const command = program
      .command("explain")
      .description("Say exactly what run would do: consumers, publishing, guarantee, permissions. Creates nothing.")
      .argument("<file>", "SQL file, as for run")
      .option(...stateFlag)
      .option("--checkpoint-interval <duration>", "time between two checkpoints, as for run", "1s");
    addScriptFlags(command, "the explanation as one JSON object on stdout");
    command.addHelpText(
      "after",
      "\nExamples:\n  nats-pipeline explain jobs.sql\n  nats-pipeline explain jobs.sql --json",
    );
    command.action(async (file: string, flags: ExplainFlags) => {
      const { explainScript } = await import("../explain-script.js");
      exit(await explainScript(file, flags, output));
    });
  },
};

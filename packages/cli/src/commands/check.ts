import type { CheckFlags } from "../check-script.js";
import type { CliCommand } from "../cli-command.js";
import { addScriptFlags, stateFlag } from "../script-flags.js";

export const checkCommand: CliCommand = {
  register(program, output, exit) {
    const command = program
      .command("check")
      .description("Compare what an SQL file promises with the live servers. Creates nothing.")
      .argument("<file>", "SQL file, as for run")
      .option(...stateFlag)
      .option("--checkpoint-interval <duration>", "time between two checkpoints, as for run", "1s")
      .option("--recovery-time <duration>", "how long the pipeline may be away and still keep its promise", "60s");
    addScriptFlags(command, "the findings as one JSON object on stdout");
    command.addHelpText(
      "after",
      "\nExit code 2 when the promise cannot hold. Every rule: docs/preflight.md.\n\nExamples:\n  nats-pipeline check jobs.sql\n  nats-pipeline check jobs.sql --recovery-time 10m --json",
    );
    command.action(async (file: string, flags: CheckFlags) => {
      const { checkScript } = await import("../check-script.js");
      exit(await checkScript(file, flags, output));
    });
  },
};

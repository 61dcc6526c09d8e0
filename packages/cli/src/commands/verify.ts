import type { CliCommand } from "../cli-command.js";
import { addScriptFlags, stateFlag } from "../script-flags.js";
import type { VerifyFlags } from "../verify/verify-script.js";

export const verifyCommand: CliCommand = {
  register(program, output, exit) {
    const command = program
      .command("verify")
      .description("Prove what a pipeline has delivered: its input against its output, counted exactly.")
      .argument("<file>", "SQL file of the pipeline")
      .option(...stateFlag)
      .option("--pipeline <name>", "which pipeline of a file with several")
      .option("--from-seq <number>", "first message of the source (default: where a first start begins)")
      .option("--to-seq <number>", "last message of the source (default: the checkpoint, else the stream's end)")
      .option("--key <columns>", "tell rows apart by these columns of the sink, not by lineage headers")
      .option("--allow-duplicates", "rows delivered twice are no difference: at least once")
      .option("--progress <file>", "keep how far it has come, so that an interrupted run goes on");
    addScriptFlags(command, "the counts as one JSON object on stdout");
    command.addHelpText(
      "after",
      "\nNeeds lineage = true at the sink, or --key. Exit code 4 when there is a difference.\n\nExamples:\n  nats-pipeline verify jobs.sql\n  nats-pipeline verify jobs.sql --key id --allow-duplicates --json",
    );
    command.action(async (file: string, flags: VerifyFlags) => {
      const { verifyScript } = await import("../verify/verify-script.js");
      exit(await verifyScript(file, flags, output));
    });
  },
};

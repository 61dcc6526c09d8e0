import type { CliCommand } from "../commands.js";
import { laterFlags, type RunFlags } from "../run-options.js";

const append = (file: string, files: readonly string[] = []): readonly string[] => [...files, file];

export const runCommand: CliCommand = {
  register(program, output, exit) {
    const command = program
      .command("run")
      .description("Run the pipelines of an SQL file until they are stopped.")
      .argument("<file>", "SQL file with CREATE TABLE and INSERT INTO … SELECT statements")
      .option("--state <store>", "where checkpoints are kept: file:DIR or memory:", "file:.nats-pipeline")
      .option("--name <name>", "name of the pipeline (default: the file's base name)")
      .option("--checkpoint-interval <duration>", "time between two checkpoints", "1s")
      .option("--until-caught-up", "stop with exit code 0 once what the streams held at the start has been read")
      .option("--max-rows <count>", "stop with exit code 0 after this many rows were read")
      .option("--drain-timeout <duration>", "time for the last rows and checkpoint after the first signal", "25s")
      .option("--plugin <file>", "module with formats, connectors or auth of your own; repeatable", append)
      .option("--profiles <file>", "JSON file with connection profiles by name")
      .option("--env-file <file>", "file with NAME=value lines for {{ NAME }}")
      .option("--json", "one JSON object per line on stdout, the summary last")
      .option("--log-level <level>", "debug, info, warn or error", "warn");
    for (const flag of Object.values(laterFlags)) {
      command.addOption(command.createOption(`${flag} [value]`, "comes in a later version").hideHelp());
    }
    command.addHelpText(
      "after",
      "\nExamples:\n  nats-pipeline run jobs.sql\n  nats-pipeline run jobs.sql --until-caught-up --json\n  nats-pipeline run jobs.sql --state file:/var/lib/pipelines --name billing",
    );
    command.action(async (file: string, flags: RunFlags) => {
      // Loaded late: --help and --version need neither a parser nor a client.
      const { runScript } = await import("../run-script.js");
      exit(await runScript(file, flags, output));
    });
  },
};

import type { CliCommand } from "../cli-command.js";
import type { RunFlags } from "../run-options.js";
import { addScriptFlags, stateFlag } from "../script-flags.js";

export const runCommand: CliCommand = {
  register(program, output, exit) {
    const command = program
      .command("run")
      .description("Run the pipelines of an SQL file until they are stopped.")
      .argument("<file>", "SQL file with CREATE TABLE and INSERT INTO … SELECT statements")
      .option(...stateFlag)
      .option("--checkpoint-interval <duration>", "time between two checkpoints", "1s")
      .option("--until-caught-up", "stop with exit code 0 once what the streams held at the start has been read")
      .option("--max-rows <count>", "stop with exit code 0 after this many rows were read")
      .option("--drain-timeout <duration>", "time for the last rows and checkpoint after the first signal", "25s");
    command.option("--create-streams", "make missing streams of sinks and dead letters; never alters one");
    command.option("--http <address>", "serve /healthz, /readyz and /metrics there; a port alone is 127.0.0.1");
    command.option("--group <name>", "share the splits with every process of this group; needs --state nats-kv:BUCKET");
    command.option("--workers <count>", "share the splits among so many processes on this machine");
    addScriptFlags(command, "one JSON object per line on stdout, the summary last");
    command.addHelpText(
      "after",
      "\nExamples:\n  nats-pipeline run jobs.sql\n  nats-pipeline run jobs.sql --until-caught-up --json\n  nats-pipeline run jobs.sql --state file:/var/lib/pipelines --name billing\n  nats-pipeline run jobs.sql --workers 4\n  nats-pipeline run jobs.sql --group billing --state nats-kv:pipelines",
    );
    command.action(async (file: string, flags: RunFlags) => {
      // Loaded late: --help and --version need neither a parser nor a client.
      const { runScript } = await import("../run-script.js");
      exit(await runScript(file, flags, output));
    });
  },
};

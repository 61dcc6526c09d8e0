import type { CliCommand } from "../cli-command.js";
import type { DevFlags } from "../dev-server.js";

export const devCommand: CliCommand = {
  register(program, output, exit) {
    program
      .command("dev")
      .description("Run a NATS server with JetStream on this machine until Ctrl-C, in a folder that is removed then.")
      .option("--port <number>", "port on 127.0.0.1; 0 takes a free one", "4222")
      .option("--json", "say where it listens as one JSON object on stdout")
      .addHelpText(
        "after",
        "\nTakes nats-server from NATS_SERVER_BIN, else from PATH.\n\nExamples:\n  nats-pipeline dev\n  nats-pipeline dev --port 0 --json",
      )
      .action(async (flags: DevFlags) => {
        const { runDevServer } = await import("../dev-server.js");
        exit(await runDevServer(flags, output));
      });
  },
};

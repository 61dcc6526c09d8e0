import type { CliCommand } from "../cli-command.js";
import { addServerFlags } from "../server-flags.js";
import type { TailFlags } from "../tail.js";

const append = (one: string, all: readonly string[] = []): readonly string[] => [...all, one];

export const tailCommand: CliCommand = {
  register(program, output, exit) {
    const command = program
      .command("tail")
      .description("Print messages of a stream or a subject. Leaves no trace: no consumer, no acks.")
      .argument("<where>", "a stream, or a subject: what a stream keeps of it, else what is published from now on")
      .option("--from <place>", "first, a sequence, or a time as in RFC 3339 (default: the last messages)")
      .option("--limit <count>", "end after so many rows; without --from: the last so many")
      .option("--follow", "go on with what comes, until Ctrl-C")
      .option(
        "--format <name>",
        "decode payloads: json, avro, protobuf, …; without it they are shown as text or base64",
      )
      .option(
        "--column <declaration>",
        "a column to decode, as in 'id BIGINT'; repeatable (default: any document)",
        append,
      )
      .option("--headers", "show headers, too");
    addServerFlags(command, "one JSON object per line");
    command.addHelpText(
      "after",
      "\nExamples:\n  nats-pipeline tail ORDERS --format json\n  nats-pipeline tail ORDERS --from 1000 --limit 20 --json\n  nats-pipeline tail orders.eu.* --follow --format json --column 'id BIGINT' --column 'total DOUBLE'",
    );
    command.action(async (where: string, flags: TailFlags) => {
      const { tail } = await import("../tail.js");
      exit(await tail(where, flags, output));
    });
  },
};

import type { Command } from "commander";
import type { CliCommand } from "../cli-command.js";
import type { ListFlags } from "../dlq/list.js";
import type { RedriveFlags } from "../dlq/redrive.js";
import { addServerFlags, type ServerFlags } from "../server-flags.js";

const where = ["<where>", "an SQL file with dead_letter.subject, a subject, or a stream"] as const;

export const dlqCommand: CliCommand = {
  register(program, output, exit) {
    const group = program.command("dlq").description("Look at dead letters, and send them back.");
    const examples = (command: Command, ...lines: string[]): Command =>
      command.addHelpText(
        "after",
        `\nExamples:\n${lines.map((line) => `  nats-pipeline dlq ${line}\n`).join("")}`.trimEnd(),
      );

    const list = group
      .command("ls")
      .description("List dead letters, and messages that a server gave up (max-deliveries advisories in a stream).")
      .argument(...where)
      .option("--from <number>", "begin at this letter")
      .option("--limit <count>", "at most so many; without --from the last so many", "100")
      .option("--code <code>", "only letters with this code");
    addServerFlags(
      examples(list, "ls jobs.sql", "ls dlq.orders --code BAD_DATA --json"),
      "one JSON object per line",
    ).action(async (place: string, flags: ListFlags) => {
      const { listLetters } = await import("../dlq/list.js");
      exit(await listLetters(place, flags, output));
    });

    const show = group
      .command("show")
      .description("Show a dead letter: why and where it was refused, its headers and its payload.")
      .argument(...where)
      .argument("<number>", "its number, as ls shows it");
    addServerFlags(examples(show, "show jobs.sql 17", "show dlq.orders 17 --json"), "one JSON object").action(
      async (place: string, number: string, flags: ServerFlags) => {
        const { showLetter } = await import("../dlq/show.js");
        exit(await showLetter(place, number, flags, output));
      },
    );

    const redrive = group
      .command("redrive")
      .description("Publish dead letters again where they came from, in order, and remove them here.")
      .argument(...where)
      .argument("[numbers...]", "their numbers, as ls shows them")
      .option("--all", "every letter, and not those of given numbers")
      .option("--code <code>", "of these only letters with this code")
      .option("--to <subject>", "publish here, not where they came from; also rows that a sink refused")
      .option("--keep", "leave the letters in their stream")
      .option("--dry-run", "only say what would be done");
    addServerFlags(
      examples(redrive, "redrive jobs.sql --all --dry-run", "redrive dlq.orders 17 18 --keep"),
      "one JSON object per letter",
    ).action(async (place: string, numbers: readonly string[], flags: RedriveFlags) => {
      const { redriveLetters } = await import("../dlq/redrive.js");
      exit(await redriveLetters(place, numbers, flags, output));
    });
  },
};

import type { Command } from "commander";
import type { ListFlags } from "../checkpoints/list.js";
import type { MoveFlags } from "../checkpoints/move.js";
import type { ShowFlags } from "../checkpoints/show.js";
import type { CliCommand } from "../cli-command.js";
import { addScriptFlags, stateFlag } from "../script-flags.js";

const toSequence = ["--to-seq <number>", "read this message of the stream next"] as const;
const toTime = ["--to-time <time>", "read the first message stored at or after this time next (RFC 3339)"] as const;
const skip = ["--skip", "allow a place ahead of the position: what lies between is never read"] as const;
const which = ["--pipeline <name>", "which pipeline of a file with several"] as const;

export const checkpointCommand: CliCommand = {
  register(program, output, exit) {
    const group = program.command("checkpoint").description("Look at the checkpoints of pipelines, and move them.");
    const examples = (command: Command, ...lines: string[]): Command =>
      command.addHelpText(
        "after",
        `\nExamples:\n${lines.map((line) => `  nats-pipeline checkpoint ${line}\n`).join("")}`.trimEnd(),
      );

    const list = examples(group.command("ls"), "ls", "ls jobs.sql --state nats-kv:pipelines --json");
    list
      .description("List the pipelines of a state and the checkpoints that are kept of each.")
      .argument("[file]", "SQL file that says how --state nats-kv:BUCKET is reached")
      .option(...stateFlag);
    addScriptFlags(list, "one JSON object on stdout").action(async (file: string | undefined, flags: ListFlags) => {
      const { listCheckpoints } = await import("../checkpoints/list.js");
      exit(await listCheckpoints(file, flags, output));
    });

    const show = examples(group.command("show"), "show billing", "show jobs.sql --checkpoint 3-17 --json");
    show
      .description("Show a checkpoint: the last one, unless another is named.")
      .argument("<pipeline>", "name of a pipeline, or its SQL file")
      .option(...stateFlag)
      .option("--checkpoint <epoch-id>", "one that ls lists, as 3-17");
    addScriptFlags(show, "the checkpoint as one JSON object on stdout").action(
      async (pipeline: string, flags: ShowFlags) => {
        const { showCheckpoint } = await import("../checkpoints/show.js");
        exit(await showCheckpoint(pipeline, flags, output));
      },
    );

    const rewind = examples(
      group.command("rewind"),
      "rewind jobs.sql --to-seq 1000",
      "rewind jobs.sql --to-time 2026-01-31T08:00:00Z",
    );
    rewind
      .description("Move a pipeline to another place of its stream. An instance that runs is stopped (exit code 5).")
      .argument("<file>", "SQL file of the pipeline")
      .option(...stateFlag)
      .option(...toSequence)
      .option(...toTime)
      .option(...skip)
      .option(...which);
    addScriptFlags(rewind, "what was done as one JSON object on stdout").action(
      async (file: string, flags: MoveFlags) => {
        const { rewindCheckpoint } = await import("../checkpoints/move.js");
        exit(await rewindCheckpoint(file, flags, output));
      },
    );

    const fork = examples(
      group.command("fork"),
      "fork jobs.sql jobs-again",
      "fork jobs.sql jobs-again --to-time 2026-01-31T08:00:00Z",
      "fork jobs.sql jobs-shared --group",
    );
    fork
      .description("Give a new pipeline the position of another, or another place of its stream.")
      .argument("<file>", "SQL file of the pipeline")
      .argument("<new-name>", "name of the new pipeline: run the file with --name <new-name>")
      .option(...stateFlag)
      .option(...toSequence)
      .option(...toTime)
      .option(...skip)
      .option(...which)
      .option("--group", "for runs with --group or --workers: keep a position per split");
    addScriptFlags(fork, "what was done as one JSON object on stdout").action(
      async (file: string, newName: string, flags: MoveFlags) => {
        const { forkCheckpoint } = await import("../checkpoints/move.js");
        exit(await forkCheckpoint(file, newName, flags, output));
      },
    );
  },
};

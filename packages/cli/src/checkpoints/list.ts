import type { CheckpointStore } from "@x/connector-api";
import type { Output } from "../output.js";
import { renderTable } from "../render/table.js";
import type { ScriptFlags } from "../script-flags.js";
import { withState } from "./with-state.js";

export interface ListFlags extends ScriptFlags {
  readonly state: string;
}

/** One pipeline of a state, as `checkpoint ls --json` prints it. */
interface KeptPipeline {
  readonly name: string;
  /** The newest claim; a checkpoint of a lower epoch is of an earlier start. */
  readonly epoch: number;
  /** Oldest first, as `<epoch>-<checkpointId>`. */
  readonly checkpoints: readonly string[];
  /** When the last one was made, RFC 3339; null when there is none. */
  readonly lastAt: string | null;
}

/** `nats-pipeline checkpoint ls` */
export function listCheckpoints(file: string | undefined, flags: ListFlags, output: Output): Promise<number> {
  return withState(flags, file, output, async (store) => {
    const pipelines: KeptPipeline[] = [];
    for (const name of await store.pipelines()) pipelines.push(await readPipeline(store, name));
    if (flags.json === true) {
      output.stdout.write(`${JSON.stringify({ event: "checkpoints", state: store.description, pipelines })}\n`);
      return 0;
    }
    const rows = pipelines.map(({ name, epoch, checkpoints, lastAt }) => [
      ...[name, String(epoch), checkpoints.join(" ") || "–", lastAt ?? "–"],
    ]);
    if (rows.length === 0) output.stderr.write(`${store.description} holds no pipeline\n`);
    else output.stdout.write(renderTable(["pipeline", "epoch", "checkpoints", "last"], rows));
    return 0;
  });
}

async function readPipeline(store: CheckpointStore, name: string): Promise<KeptPipeline> {
  const { epoch } = await store.holder(name);
  const refs = await store.list(name);
  const newest = refs.at(-1);
  const last = newest && (await store.read(name, newest));
  const checkpoints = refs.map((ref) => `${ref.epoch}-${ref.checkpointId}`);
  return { name, epoch, checkpoints, lastAt: last?.createdAt ?? null };
}

import { basename, extname } from "node:path";
import {
  type Checkpoint,
  type CheckpointRef,
  type CheckpointStore,
  ConnectorError,
  didYouMean,
} from "@x/connector-api";
import { isFile } from "../environment.js";
import type { Output } from "../output.js";
import { renderRecord } from "../render/record.js";
import type { ScriptFlags } from "../script-flags.js";
import { withState } from "./with-state.js";

export interface ShowFlags extends ScriptFlags {
  readonly state: string;
  readonly checkpoint?: string;
}

/** `nats-pipeline checkpoint show` */
export function showCheckpoint(pipeline: string, flags: ShowFlags, output: Output): Promise<number> {
  const file = isFile(pipeline) ? pipeline : undefined;
  return withState(flags, file, output, async (store) => {
    const name = flags.name ?? (file === undefined ? pipeline : basename(file, extname(file)));
    const checkpoint = await findCheckpoint(store, name, flags.checkpoint);
    output.stdout.write(flags.json === true ? `${JSON.stringify(checkpoint)}\n` : renderRecord({ ...checkpoint }));
    return 0;
  });
}

/** The last checkpoint of a pipeline, or the one named `<epoch>-<id>`. USAGE, with what there is, when it is not kept. */
export async function findCheckpoint(
  store: CheckpointStore,
  name: string,
  asked: string | undefined,
): Promise<Checkpoint> {
  const refs = await store.list(name);
  const kept = refs.map(({ epoch, checkpointId }) => `${epoch}-${checkpointId}`);
  const ref: CheckpointRef | undefined = asked === undefined ? undefined : refs[kept.indexOf(asked)];
  const found = asked === undefined ? await store.latest(name, () => {}) : ref && (await store.read(name, ref));
  if (found !== undefined) return found;
  if (asked !== undefined && kept.length > 0) {
    const text = `--checkpoint: pipeline "${name}" keeps ${kept.join(", ")}; got "${asked}"`;
    throw new ConnectorError("USAGE", text);
  }
  const names = await store.pipelines();
  const claimed = names.includes(name);
  const hint = claimed ? "it has not been run" : `see "checkpoint ls"${didYouMean(name, names)}`;
  throw new ConnectorError("USAGE", `${store.description} holds no checkpoint of pipeline "${name}"; ${hint}`);
}

import { type CheckpointStore, ConnectorError, type Identity } from "@x/connector-api";

/** The name under which the checkpoints of one split are kept while a group has it. */
export function splitName(pipeline: string, split: string): string {
  return `${pipeline}/${split}`;
}

/**
 * The store as the pipeline of one split sees it: the same pipeline, with claims and checkpoints of the split's own. A
 * claim is refused with OPTION_CONFLICT where the pipeline has a position without a group: it would be read again.
 */
export function splitStore(store: CheckpointStore, split: string): CheckpointStore {
  const nameOf = (pipeline: string): string => splitName(pipeline, split);
  return {
    description: store.description,
    async claim(pipeline, instanceId): Promise<Identity> {
      if ((await store.latest(pipeline, () => {})) !== undefined) throw ungrouped(store, pipeline);
      return { ...(await store.claim(nameOf(pipeline), instanceId)), pipeline };
    },
    holder: (pipeline) => store.holder(nameOf(pipeline)),
    write: (checkpoint) => store.write({ ...checkpoint, pipeline: nameOf(checkpoint.pipeline) }),
    latest: (pipeline, warn) => store.latest(nameOf(pipeline), warn),
    list: (pipeline) => store.list(nameOf(pipeline)),
    read: (pipeline, ref) => store.read(nameOf(pipeline), ref),
    pipelines: () => store.pipelines(),
    async close() {},
  };
}

/**
 * The store as a pipeline of these splits sees it that is alone. A claim is refused with OPTION_CONFLICT where a group
 * has left positions: what it has read would be read again.
 */
export function ungroupedStore(store: CheckpointStore, splits: Iterable<string>): CheckpointStore {
  const names = [...splits];
  return {
    description: store.description,
    async claim(pipeline, instanceId): Promise<Identity> {
      const found = await Promise.all(names.map((split) => store.latest(splitName(pipeline, split), () => {})));
      if (found.some((checkpoint) => checkpoint !== undefined)) throw grouped(store, pipeline);
      return store.claim(pipeline, instanceId);
    },
    holder: (pipeline) => store.holder(pipeline),
    write: (checkpoint) => store.write(checkpoint),
    latest: (pipeline, warn) => store.latest(pipeline, warn),
    list: (pipeline) => store.list(pipeline),
    read: (pipeline, ref) => store.read(pipeline, ref),
    pipelines: () => store.pipelines(),
    close: () => store.close(),
  };
}

function ungrouped({ description }: CheckpointStore, pipeline: string): ConnectorError {
  return new ConnectorError(
    "OPTION_CONFLICT",
    `pipeline "${pipeline}" has a position in ${description} that a run without --group and --workers has left, and a group keeps one for each split: run it as before, or give it a new name ("checkpoint fork --group" takes the position along)`,
    { context: { pipeline } },
  );
}

function grouped({ description }: CheckpointStore, pipeline: string): ConnectorError {
  return new ConnectorError(
    "OPTION_CONFLICT",
    `pipeline "${pipeline}" has its position in ${description} split by split, as a run with --group or --workers has left it: run it that way (--workers 1 is one process), or give it a new name ("checkpoint fork" takes the position along)`,
    { context: { pipeline } },
  );
}

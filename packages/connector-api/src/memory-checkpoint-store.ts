import { compareCheckpoints, createJobId, parseCheckpoint } from "./checkpoint-record.js";
import type { Checkpoint, CheckpointStore, EpochHolder } from "./checkpoint-store.js";
import { ConnectorError } from "./errors.js";

/** Checkpoints kept, the newest ones: as many as stores on a disk keep. */
const kept = 3;

interface Job {
  readonly jobId: string;
  holder: EpochHolder;
  /** As text, oldest first: what is read back is never what somebody still changes. */
  checkpoints: { readonly epoch: number; readonly checkpointId: number; readonly text: string }[];
}

/** A store that forgets everything with the process: for tests, and for sinks that keep the progress themselves. */
export function memoryCheckpoints(): CheckpointStore {
  const jobs = new Map<string, Job>();

  const jobOf = (pipeline: string): Job => {
    const job = jobs.get(pipeline);
    if (job !== undefined) return job;
    throw new ConnectorError("STATE_STORE", `memory: has no claim for pipeline "${pipeline}"; claim it first`, {
      retry: "never",
    });
  };

  return {
    description: "memory:",
    async claim(pipeline, instanceId) {
      const known = jobs.get(pipeline);
      const job = known ?? { jobId: createJobId(), holder: { epoch: 0, instanceId: "" }, checkpoints: [] };
      job.holder = { epoch: job.holder.epoch + 1, instanceId };
      jobs.set(pipeline, job);
      return { pipeline, jobId: job.jobId, epoch: job.holder.epoch, instanceId };
    },
    async holder(pipeline) {
      return jobOf(pipeline).holder;
    },
    async write(checkpoint) {
      const { epoch, checkpointId } = parseCheckpoint(checkpoint);
      const job = jobOf(checkpoint.pipeline);
      const others = job.checkpoints.filter((other) => compareCheckpoints(other, checkpoint) !== 0);
      const all = [...others, { epoch, checkpointId, text: JSON.stringify(checkpoint) }].sort(compareCheckpoints);
      const pruned = new Set(all.filter((one) => one.epoch <= epoch).slice(0, -kept));
      job.checkpoints = all.filter((one) => !pruned.has(one));
    },
    async latest(pipeline) {
      const text = jobs.get(pipeline)?.checkpoints.at(-1)?.text;
      return text === undefined ? undefined : (JSON.parse(text) as Checkpoint);
    },
    async list(pipeline) {
      return (jobs.get(pipeline)?.checkpoints ?? []).map(({ epoch, checkpointId }) => ({ epoch, checkpointId }));
    },
    async read(pipeline, ref) {
      const text = jobs.get(pipeline)?.checkpoints.find((one) => compareCheckpoints(one, ref) === 0)?.text;
      return text === undefined ? undefined : (JSON.parse(text) as Checkpoint);
    },
    async pipelines() {
      return [...jobs.keys()].sort();
    },
    async close() {},
  };
}

import { mkdir, readdir, readFile, stat, unlink } from "node:fs/promises";
import { join, resolve } from "node:path";
import { compareCheckpoints, createJobId, parseCheckpoint } from "../checkpoint-record.js";
import type { Checkpoint, CheckpointRef, CheckpointStore, EpochHolder } from "../checkpoint-store.js";
import { ConnectorError } from "../errors.js";
import type { Identity } from "../operator-context.js";
import {
  type CheckpointFile,
  checkpointFileName,
  decodeCheckpointFile,
  encodeCheckpointFile,
  parseCheckpointFileName,
} from "./checkpoint-file.js";
import { epochFileName, parseEpochFile, parseEpochFileName, parseJobFile, parsePipelineName } from "./claim-files.js";
import { createFile, errnoOf, replaceFile, unfinished } from "./durable-file.js";
import { folderNameOf } from "./pipeline-folder.js";
import { stateStoreError } from "./state-store-error.js";

/** Checkpoints kept, the newest ones. */
const keptCheckpoints = 3;

/**
 * Claims kept, the newest ones. A claim that took its number from an old look at the folder notices that it is late as
 * long as a newer one is there, so more than one must stay; a claim is small.
 */
const keptEpochs = 32;

/** A file that is written takes milliseconds: an older one that is not finished was left by a crash. */
const abandonedAfterMs = 3_600_000;

/**
 * Checkpoints in a folder of a local disk, one folder per pipeline:
 * `job.json` (the job's name), `epoch-<n>` (who claimed epoch n), `<epoch>-<checkpointId>.json` (a checkpoint).
 * Several processes may use one folder. Not for network folders, whose locks and renames promise less.
 */
export function fileCheckpoints(dir: string): CheckpointStore {
  // Not relative to where the process is: Node makes `a/b` for ever when that folder was removed (Node 20.20).
  const root = resolve(dir);
  const folderOf = (pipeline: string): string => join(root, folderNameOf(pipeline));
  return {
    description: `file:${dir}`,
    claim: (pipeline, instanceId) => claim(folderOf(pipeline), pipeline, instanceId),
    holder: (pipeline) => holder(folderOf(pipeline)),
    write: (checkpoint) => write(folderOf(checkpoint.pipeline), checkpoint),
    latest: (pipeline, warn) => latest(folderOf(pipeline), warn),
    list: (pipeline) => list(folderOf(pipeline)),
    read: (pipeline, ref) => read(folderOf(pipeline), ref),
    pipelines: () => pipelines(root),
    async close() {},
  };
}

async function claim(folder: string, pipeline: string, instanceId: string): Promise<Identity> {
  await attempt("create the folder", folder, () => mkdir(folder, { recursive: true }));
  const jobId = await jobIdOf(folder, pipeline);
  for (;;) {
    const epoch = highestEpoch(await namesIn(folder)) + 1;
    const path = join(folder, epochFileName(epoch));
    const content = `${JSON.stringify({ v: 1, epoch, instanceId })}\n`;
    if (!(await attempt("claim", path, () => createFile(path, content)))) continue;
    const names = await namesIn(folder);
    // A higher number means that this one may have been claimed and pruned since we looked: it is nobody's now.
    if (highestEpoch(names) === epoch) {
      const late = names.filter((name) => (parseEpochFileName(name) ?? epoch) <= epoch - keptEpochs);
      await prune(folder, [...late, ...(await abandonedIn(folder, names))]);
      return { pipeline, jobId, epoch, instanceId };
    }
    await attempt("give up", path, () => unlink(path));
  }
}

/** The job of the folder; the first claim ever names it, after the checkpoints where only job.json was lost. */
async function jobIdOf(folder: string, pipeline: string): Promise<string> {
  const path = join(folder, "job.json");
  for (;;) {
    const text = await readIfThere(path);
    if (text !== undefined) return parseJobFile(text.toString("utf8"), path, pipeline);
    const jobId = (await latest(folder, () => {}))?.jobId ?? createJobId();
    const content = `${JSON.stringify({ v: 1, pipeline, jobId })}\n`;
    await attempt("create", path, () => createFile(path, content));
  }
}

async function holder(folder: string): Promise<EpochHolder> {
  for (;;) {
    const epoch = (await namesIn(folder)).reduce((max, name) => Math.max(max, parseEpochFileName(name) ?? 0), 0);
    const path = join(folder, epochFileName(epoch));
    const text = epoch === 0 ? undefined : await readIfThere(path);
    if (text !== undefined) return { epoch, instanceId: parseEpochFile(text.toString("utf8")) };
    if (epoch === 0) {
      throw new ConnectorError("STATE_STORE", `${folder} holds no claim: was it removed while the pipeline ran?`, {
        retry: "never",
      });
    }
  }
}

async function write(folder: string, checkpoint: Checkpoint): Promise<void> {
  const path = join(folder, checkpointFileName(checkpoint));
  const content = encodeCheckpointFile(parseCheckpoint(checkpoint));
  await attempt("write the checkpoint", path, () => replaceFile(path, content));
  await pruneCheckpoints(folder, checkpoint.epoch);
}

async function latest(folder: string, warn: (message: string) => void): Promise<Checkpoint | undefined> {
  const refs = checkpointsIn(await namesIn(folder)).reverse();
  let damaged = 0;
  for (const ref of refs) {
    const file = await readCheckpoint(folder, ref);
    if (file?.kind === "valid") return file.checkpoint;
    // Newer ones have come since: an older instance still writes.
    if (file === undefined) return latest(folder, warn);
    damaged += 1;
    warn(`${join(folder, checkpointFileName(ref))} is damaged and passed over: ${file.reason}`);
  }
  if (damaged === 0) return undefined;
  throw new ConnectorError(
    "STATE_INVALID",
    `all ${damaged} checkpoints in ${folder} are damaged; restore them from a backup, or remove the folder to start over`,
  );
}

async function list(folder: string): Promise<readonly CheckpointRef[]> {
  const valid: CheckpointRef[] = [];
  for (const ref of checkpointsIn(await namesIn(folder))) {
    if ((await readCheckpoint(folder, ref))?.kind === "valid") valid.push(ref);
  }
  return valid;
}

async function read(folder: string, ref: CheckpointRef): Promise<Checkpoint | undefined> {
  const file = await readCheckpoint(folder, ref);
  if (file?.kind !== "damaged") return file?.checkpoint;
  throw new ConnectorError("STATE_INVALID", `${join(folder, checkpointFileName(ref))} is damaged: ${file.reason}`);
}

async function pipelines(dir: string): Promise<readonly string[]> {
  const names: string[] = [];
  for (const name of await namesIn(dir)) {
    const job = await readIfThere(join(dir, name, "job.json"));
    const pipeline = job && parsePipelineName(job.toString("utf8"));
    if (pipeline !== undefined) names.push(pipeline);
  }
  return names.sort();
}

/** Undefined when another process pruned the file in the meantime. */
async function readCheckpoint(folder: string, ref: CheckpointRef): Promise<CheckpointFile | undefined> {
  const path = join(folder, checkpointFileName(ref));
  const bytes = await readIfThere(path);
  try {
    return bytes && decodeCheckpointFile(bytes, ref);
  } catch (error) {
    throw new ConnectorError("STATE_INVALID", `${path}: ${error instanceof Error ? error.message : error}`, {
      cause: error,
    });
  }
}

/** Removes what this epoch and lower ones no longer need. The checkpoint is durable already: a failure waits for the next. */
async function pruneCheckpoints(folder: string, epoch: number): Promise<void> {
  try {
    const names = await namesIn(folder);
    const old = checkpointsIn(names)
      .filter((ref) => ref.epoch <= epoch)
      .slice(0, -keptCheckpoints);
    const abandoned = names.filter((name) => name.endsWith(unfinished) && Number.parseInt(name, 10) < epoch);
    await prune(folder, [...old.map(checkpointFileName), ...abandoned]);
  } catch {
    // See above.
  }
}

/** What a crash left of a file that was never finished. */
async function abandonedIn(folder: string, names: readonly string[]): Promise<readonly string[]> {
  const drafts = names.filter((name) => name.endsWith(unfinished));
  const written = await Promise.all(
    drafts.map((name) =>
      stat(join(folder, name)).then(
        ({ mtimeMs }) => mtimeMs,
        () => Number.POSITIVE_INFINITY,
      ),
    ),
  );
  return drafts.filter((_, i) => (written[i] ?? 0) < Date.now() - abandonedAfterMs);
}

async function prune(folder: string, names: readonly string[]): Promise<void> {
  await Promise.allSettled(names.map((name) => unlink(join(folder, name))));
}

/** Numbers in use, by a claim or by a checkpoint whose claim was removed. */
function highestEpoch(names: readonly string[]): number {
  return names.reduce(
    (max, name) => Math.max(max, parseEpochFileName(name) ?? parseCheckpointFileName(name)?.epoch ?? 0),
    0,
  );
}

/** Oldest first. */
function checkpointsIn(names: readonly string[]): CheckpointRef[] {
  return names.flatMap((name) => parseCheckpointFileName(name) ?? []).sort(compareCheckpoints);
}

async function namesIn(folder: string): Promise<readonly string[]> {
  return attempt("read the folder", folder, async () => {
    try {
      return await readdir(folder);
    } catch (error) {
      if (errnoOf(error) === "ENOENT") return [];
      throw error;
    }
  });
}

async function readIfThere(path: string): Promise<Buffer | undefined> {
  return attempt("read", path, async () => {
    try {
      return await readFile(path);
    } catch (error) {
      // ENOTDIR: something else than a folder lies where a pipeline's would be.
      if (errnoOf(error) === "ENOENT" || errnoOf(error) === "ENOTDIR") return undefined;
      throw error;
    }
  });
}

async function attempt<T>(doing: string, path: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    throw stateStoreError(error, doing, path);
  }
}

import { createHash } from "node:crypto";
import { type Checkpoint, type CheckpointRef, ConnectorError, parseCheckpoint } from "@x/connector-api";

/** Who holds the newest epoch of a pipeline, and the name of its job: what the key `<pipeline>.claim` holds. */
export interface Claim {
  readonly jobId: string;
  readonly epoch: number;
  readonly instanceId: string;
}

/** Longest token used as it is: a subject of the server has an end. */
const LONGEST = 150;

/**
 * A pipeline's name as one token of a key: letters, digits, `_` and `-` stay, every other byte becomes `=XX`. Different
 * names give different tokens, and none is empty.
 */
export function pipelineToken(pipeline: string): string {
  if (pipeline === "") return "=";
  let token = "";
  for (const byte of Buffer.from(pipeline, "utf8")) {
    const char = String.fromCharCode(byte);
    token += /[A-Za-z0-9_-]/.test(char) ? char : `=${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  if (token.length <= LONGEST) return token;
  return `${token.slice(0, LONGEST - 34)}==${createHash("sha256").update(pipeline).digest("hex").slice(0, 32)}`;
}

export function claimKey(pipeline: string): string {
  return `${pipelineToken(pipeline)}.claim`;
}

export function boardKey(pipeline: string): string {
  return `${pipelineToken(pipeline)}.group`;
}

export function checkpointKey(pipeline: string, { epoch, checkpointId }: CheckpointRef): string {
  return `${pipelineToken(pipeline)}.${epoch}-${checkpointId}`;
}

/** Undefined for a key that is no checkpoint's. */
export function parseCheckpointKey(key: string): CheckpointRef | undefined {
  const match = /\.(\d{1,15})-(\d{1,15})$/.exec(key);
  return match === null ? undefined : { epoch: Number(match[1]), checkpointId: Number(match[2]) };
}

export function encodeClaim({ jobId, epoch, instanceId }: Claim, pipeline: string): Uint8Array {
  return Buffer.from(JSON.stringify({ v: 1, pipeline, jobId, epoch, instanceId }));
}

/** Throws STATE_INVALID, naming `place`, for a claim that is damaged, newer than this program or another pipeline's. */
export function decodeClaim(value: Uint8Array, pipeline: string, place: string): Claim {
  const claim = claimIn(value);
  const invalid = (reason: string): never => {
    throw new ConnectorError("STATE_INVALID", `${place} ${reason}`);
  };
  if (claim === undefined) return invalid("is damaged: it is no claim. Delete this one key to have it made anew");
  if (claim.v !== 1) return invalid(`has version ${claim.v} and this program reads version 1; run a later one`);
  if (claim.pipeline === pipeline) return claim;
  return invalid(`belongs to another pipeline, ${JSON.stringify(claim.pipeline)}; give one of them another name`);
}

/** The name of the pipeline whose claim it is; undefined where it does not say. */
export function pipelineOfClaim(value: Uint8Array): string | undefined {
  return claimIn(value)?.pipeline;
}

export function encodeCheckpoint(checkpoint: Checkpoint): Uint8Array {
  return Buffer.from(JSON.stringify(parseCheckpoint(checkpoint)));
}

/** Throws STATE_INVALID, naming `place`: with `context.newerVersion` for one that a later version wrote. */
export function decodeCheckpoint(value: Uint8Array, pipeline: string, ref: CheckpointRef, place: string): Checkpoint {
  const text = Buffer.from(value).toString("utf8");
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    // What JSON.parse says would quote it.
    throw new ConnectorError("STATE_INVALID", `${place} is damaged: it is no JSON`);
  }
  const checkpoint = parseAt(json, place);
  const { epoch, checkpointId } = checkpoint;
  if (checkpoint.pipeline === pipeline && epoch === ref.epoch && checkpointId === ref.checkpointId) return checkpoint;
  throw new ConnectorError(
    "STATE_INVALID",
    `${place} is damaged: it holds checkpoint ${epoch}-${checkpointId} of pipeline ${JSON.stringify(checkpoint.pipeline)}`,
  );
}

function parseAt(json: unknown, place: string): Checkpoint {
  try {
    return parseCheckpoint(json);
  } catch (error) {
    const { message, context } = error as ConnectorError;
    throw new ConnectorError("STATE_INVALID", `${place}: ${message}`, { cause: error, context });
  }
}

function claimIn(value: Uint8Array): (Claim & { readonly v: number; readonly pipeline: string }) | undefined {
  try {
    const { v, pipeline, jobId, epoch, instanceId } = JSON.parse(Buffer.from(value).toString("utf8"));
    const texts = [pipeline, jobId, instanceId].every((text) => typeof text === "string");
    if (texts && Number.isSafeInteger(epoch) && Number.isSafeInteger(v))
      return { v, pipeline, jobId, epoch, instanceId };
  } catch {
    // Said by the caller.
  }
  return undefined;
}

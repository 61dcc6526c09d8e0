import { createHash } from "node:crypto";
import { parseCheckpoint } from "../checkpoint-record.js";
import type { Checkpoint, CheckpointRef } from "../checkpoint-store.js";
import { isConnectorError } from "../errors.js";

/** What a checkpoint file turned out to hold. */
export type CheckpointFile =
  | { readonly kind: "valid"; readonly checkpoint: Checkpoint }
  | { readonly kind: "damaged"; readonly reason: string };

/** A JSON object whose last member is the SHA-256 of the object without it. */
const sealed = /^(\{.*),"sha256":"([0-9a-f]{64})"\}\n$/s;

export function checkpointFileName({ epoch, checkpointId }: CheckpointRef): string {
  return `${epoch}-${checkpointId}.json`;
}

export function parseCheckpointFileName(name: string): CheckpointRef | undefined {
  const match = /^(\d{1,15})-(\d{1,15})\.json$/.exec(name);
  return match === null ? undefined : { epoch: Number(match[1]), checkpointId: Number(match[2]) };
}

/** One line of JSON that cannot be cut or changed unnoticed. */
export function encodeCheckpointFile(checkpoint: Checkpoint): string {
  const text = JSON.stringify(checkpoint);
  return `${text.slice(0, -1)},"sha256":"${digestOf(text)}"}\n`;
}

/** Throws STATE_INVALID when a later version wrote the file: going back behind it would lose what it promised. */
export function decodeCheckpointFile(bytes: Uint8Array, ref: CheckpointRef): CheckpointFile {
  if (bytes.length === 0) return damaged("the file is empty");
  const match = sealed.exec(Buffer.from(bytes).toString("utf8"));
  if (match === null) return damaged("the file has no checksum at its end: it was cut off or overwritten");
  const text = `${match[1]}}`;
  if (digestOf(text) !== match[2]) return damaged("the checksum does not match: the content was changed");
  try {
    const checkpoint = parseCheckpoint(JSON.parse(text));
    if (checkpoint.epoch === ref.epoch && checkpoint.checkpointId === ref.checkpointId) {
      return { kind: "valid", checkpoint };
    }
    return damaged(`it holds checkpoint ${checkpoint.epoch}-${checkpoint.checkpointId}`);
  } catch (error) {
    if (isConnectorError(error) && error.context.newerVersion !== undefined) throw error;
    return damaged(error instanceof Error ? error.message : String(error));
  }
}

function damaged(reason: string): CheckpointFile {
  return { kind: "damaged", reason };
}

function digestOf(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

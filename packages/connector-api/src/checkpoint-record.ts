import type { Checkpoint, CheckpointRef } from "./checkpoint-store.js";
import { ConnectorError } from "./errors.js";
import { kindOf } from "./kind-of.js";
import type { SplitState } from "./operator-context.js";

/**
 * Reads a stored checkpoint. Throws STATE_INVALID: with `context.newerVersion` when a later version of the program
 * wrote it (it must not be passed over), else naming the field that is wrong.
 */
export function parseCheckpoint(value: unknown): Checkpoint {
  const record = objectOf(value, "checkpoint");
  const version = numberOf(record, "v");
  if (version > 1) {
    throw new ConnectorError(
      "STATE_INVALID",
      `the checkpoint has version ${version} and this program reads version 1; run the version that wrote it, or a later one`,
      { context: { newerVersion: version } },
    );
  }
  if (version !== 1) throw malformed("v", "1", String(version));
  return {
    v: 1,
    pipeline: textOf(record, "pipeline"),
    jobId: textOf(record, "jobId"),
    epoch: numberOf(record, "epoch"),
    checkpointId: numberOf(record, "checkpointId"),
    instanceId: textOf(record, "instanceId"),
    createdAt: textOf(record, "createdAt"),
    splits: splitsOf(record.splits),
  };
}

/** Orders checkpoints by age: below zero when `a` is the older one. */
export function compareCheckpoints(a: CheckpointRef, b: CheckpointRef): number {
  return a.epoch - b.epoch || a.checkpointId - b.checkpointId;
}

/** A random name of 12 hexadecimal digits, for a job. */
export function createJobId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(6)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function splitsOf(value: unknown): Readonly<Record<string, SplitState>> {
  const splits = objectOf(value, "splits");
  for (const [split, state] of Object.entries(splits)) numberOf(objectOf(state, `splits.${split}`), "v");
  return splits as Readonly<Record<string, SplitState>>;
}

function objectOf(value: unknown, path: string): Readonly<Record<string, unknown>> {
  if (kindOf(value) !== "object") throw malformed(path, "an object", kindOf(value));
  return value as Readonly<Record<string, unknown>>;
}

function numberOf(record: Readonly<Record<string, unknown>>, key: string): number {
  const value = record[key];
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  throw malformed(key, "an integer not below 0", kindOf(value));
}

function textOf(record: Readonly<Record<string, unknown>>, key: string): string {
  const value = record[key];
  if (typeof value === "string") return value;
  throw malformed(key, "a string", kindOf(value));
}

function malformed(path: string, expected: string, got: string): ConnectorError {
  return new ConnectorError("STATE_INVALID", `checkpoint: ${path}: expected ${expected}, got ${got}`);
}

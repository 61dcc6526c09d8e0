import type { SourcePosition } from "@x/connector-api";
import type { Stage } from "./stage.js";
import type { StagedOutput } from "./stage-codec.js";
import { Transaction, type TransactionLimits } from "./transaction.js";

/** How many transactions these outputs take. */
export function countParts(outputs: readonly StagedOutput[], limits: TransactionLimits): number {
  return cutParts(outputs, limits).length;
}

/** The transactions that write a stage, message by message. `before`: position of what is written so far. */
export function stagingOf(stage: Stage, before: SourcePosition): Transaction[] {
  return stage.pieces.map((piece, i) => {
    const transaction = new Transaction();
    transaction.stage = stage;
    transaction.piece = piece;
    transaction.progress = { position: before, staged: stage.at(i + 1, 0) };
    return transaction;
  });
}

/** The transactions that publish the outputs of a whole stage but for the first `shown` of them. */
export function publishingOf(
  stage: Stage,
  before: SourcePosition,
  limits: TransactionLimits,
  shown: number,
  chunks: number,
): Transaction[] {
  const parts = cutParts(stage.outputs.slice(shown), limits);
  let done = shown;
  for (const part of parts) {
    done += part.size;
    part.stage = stage;
    part.progress = { position: before, staged: stage.at(chunks, done) };
  }
  const last = parts.at(-1);
  if (last !== undefined) last.progress = { position: stage.position };
  return parts;
}

function cutParts(outputs: readonly StagedOutput[], { maxOutputs, maxBytes }: TransactionLimits): Transaction[] {
  const parts: Transaction[] = [];
  let open = new Transaction();
  for (const { subject, payload, headers } of outputs) {
    const before = open.size;
    open.add(subject, payload, headers);
    if (before === 0 || (open.size <= maxOutputs && open.bytes <= maxBytes)) continue;
    const rest = open.split(before);
    parts.push(open);
    open = rest;
  }
  return open.size === 0 ? parts : [...parts, open];
}

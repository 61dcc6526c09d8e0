import { ConnectorError, type SourcePosition } from "@x/connector-api";
import { z } from "zod";

/** How outputs and progress are kept together. */
export type ExactlyOnceMode = "atomic" | "chain" | "fenced-msgid";

/**
 * How far a split has been written: `position` is the last input all of whose outputs are in the stream (null: none).
 * `part` is the input behind it when only its first `rows` rows are, which happens to an input with more outputs than
 * one transaction takes.
 */
export interface Progress {
  readonly position: SourcePosition;
  readonly part?: { readonly sequence: number; readonly rows: number } | undefined;
  /** The input behind it is written from a stage. */
  readonly staged?: Staged | undefined;
}

/**
 * The outputs of one input, kept on the progress subject before the first of them is published, since the transform may
 * give others the next time. A stage of which not all messages are written is void: nothing of the input is out.
 */
export interface Staged {
  /** Number of the input, and the position once all of its outputs are in the stream. */
  readonly input: number;
  readonly position: SourcePosition;
  /** Sequence of the first message of the stage; absent in that message itself. */
  readonly first?: number | undefined;
  /** Messages of the stage, and how many of them are written. */
  readonly chunks: number;
  readonly written: number;
  /** Outputs that are in the stream. */
  readonly shown: number;
  /** Messages that the progress subject must be able to keep until the last output is in, beside those of claims. */
  readonly records: number;
  /** Starts that have found it unfinished. */
  readonly claims: number;
}

/** What the sink keeps in its own stream: where a split stands, and who may write on. */
export interface ProgressRecord extends Progress {
  /** 2 with a stage: a version that knows none must not pass over it. */
  readonly v: 1 | 2;
  readonly mode: ExactlyOnceMode;
  readonly pipeline: string;
  /** Stream that the positions are of. */
  readonly stream: string;
  readonly split: string;
  /** Number of the claim; who holds the highest may write. Another count than the checkpoint store's. */
  readonly epoch: number;
  readonly instanceId: string;
  /** Number of the transaction within the epoch; 0 is the claim. */
  readonly commit: number;
  /** Last barrier that is wholly contained; for people. */
  readonly checkpoint: number;
  /** A claim of a busy chain that comes first: it ends the chain, and the claim with the position follows. */
  readonly bid?: boolean | undefined;
  /** Somebody else's message was found in a chain: what is behind it may be there without what was before. */
  readonly broken?: boolean | undefined;
  /** Written by the last barrier of a run: nothing was written behind it. */
  readonly final?: boolean | undefined;
  /** Of `fenced-msgid`: what the ids of outputs begin with. Made by the first claim, kept by all later ones. */
  readonly ids?: string | undefined;
  /** Of `fenced-msgid`: outputs beyond `position` may be in the stream. Absent: there are none. */
  readonly open?: OpenEnd | undefined;
}

/** Where and since when outputs beyond the position may lie: behind this record and since its time, unless it says. */
export interface OpenEnd {
  readonly after?: number | undefined;
  /** Epoch milliseconds of the server. */
  readonly since?: number | undefined;
  /** How many records lay behind `after` and were replaced, which leaves no trace of them where rollups are allowed. */
  readonly replaced?: number | undefined;
  /** Outputs of a transform that is not deterministic: of each input all are there or none, but for one that is staged. */
  readonly whole?: boolean | undefined;
}

const sequence = z.int().min(0);
const position = z.union([z.string(), z.number(), z.boolean(), z.null()]);
/** Unknown keys are let through: a later minor version may add some. */
const record = z.object({
  v: z.union([z.literal(1), z.literal(2)]),
  mode: z.enum(["atomic", "chain", "fenced-msgid"]),
  pipeline: z.string(),
  stream: z.string(),
  split: z.string(),
  epoch: sequence,
  instanceId: z.string(),
  commit: sequence,
  checkpoint: sequence,
  position,
  part: z.object({ sequence, rows: sequence }).optional(),
  staged: z
    .object({
      ...{ input: sequence, position, first: sequence.optional(), chunks: sequence, written: sequence },
      ...{ shown: sequence, records: sequence, claims: sequence },
    })
    .optional(),
  final: z.boolean().optional(),
  bid: z.boolean().optional(),
  broken: z.boolean().optional(),
  ids: z.string().optional(),
  open: z
    .object({
      ...{ after: sequence.optional(), since: z.number().optional(), replaced: sequence.optional() },
      whole: z.boolean().optional(),
    })
    .optional(),
});

/** Between a record and the piece of a stage behind it: no JSON on one line holds it. */
const LINE_END = 10;

/** A record as the payload of a message, with a piece of a stage behind it. */
export function encodeProgress(progress: ProgressRecord, chunk?: Uint8Array): Uint8Array {
  const text = Buffer.from(JSON.stringify({ ...progress, v: versionOf(progress) }));
  return chunk === undefined ? text : withPiece(text, chunk);
}

/** An encoded record and a piece of a stage behind it. */
export function withPiece(record: Uint8Array, piece: Uint8Array): Uint8Array {
  return Buffer.concat([record, Buffer.of(LINE_END), piece]);
}

export function versionOf({ staged }: Pick<ProgressRecord, "staged">): ProgressRecord["v"] {
  return staged === undefined ? 1 : 2;
}

/** What lies behind the record in a message of a stage; undefined in any other. */
export function chunkBehind(payload: Uint8Array): Uint8Array | undefined {
  const end = payload.indexOf(LINE_END);
  return end === -1 ? undefined : payload.subarray(end + 1);
}

/** Throws STATE_INVALID for what is no progress of this version. `place` names where it was found. */
export function parseProgress(payload: Uint8Array, place: string): ProgressRecord {
  const end = payload.indexOf(LINE_END);
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(end === -1 ? payload : payload.subarray(0, end)).toString());
  } catch {
    value = undefined;
  }
  const result = record.safeParse(value);
  if (result.success) return result.data;
  const path = result.error.issues[0]?.path.join(".") ?? "";
  throw new ConnectorError(
    "STATE_INVALID",
    `${place} is not progress that this version reads (${path === "" ? "no record" : path}); give the pipeline another name, or progress another subject`,
  );
}

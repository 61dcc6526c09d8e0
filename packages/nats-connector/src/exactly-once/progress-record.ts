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
}

/** What the sink keeps in its own stream: where a split stands, and who may write on. */
export interface ProgressRecord extends Progress {
  readonly v: 1;
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
}

const sequence = z.int().min(0);
/** Unknown keys are let through: a later minor version may add some. */
const record = z.object({
  v: z.literal(1),
  mode: z.enum(["atomic", "chain", "fenced-msgid"]),
  pipeline: z.string(),
  stream: z.string(),
  split: z.string(),
  epoch: sequence,
  instanceId: z.string(),
  commit: sequence,
  checkpoint: sequence,
  position: z.union([z.string(), z.number(), z.boolean(), z.null()]),
  part: z.object({ sequence, rows: sequence }).optional(),
  final: z.boolean().optional(),
  bid: z.boolean().optional(),
  broken: z.boolean().optional(),
  ids: z.string().optional(),
  open: z
    .object({ after: sequence.optional(), since: z.number().optional(), replaced: sequence.optional() })
    .optional(),
});

export function encodeProgress(progress: ProgressRecord): string {
  return JSON.stringify(progress);
}

/** Throws STATE_INVALID for what is no progress of this version. `place` names where it was found. */
export function parseProgress(text: string, place: string): ProgressRecord {
  let value: unknown;
  try {
    value = JSON.parse(text);
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

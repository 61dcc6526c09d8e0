import { ConnectorError, type JsonObject, type SplitState } from "@x/connector-api";
import { z } from "zod";
import type { AckMode } from "./position.js";

/**
 * State of one split, as a checkpoint holds it (`docs/state.md`). `created` and (`lastSeq`, `lastTs`) say whether a
 * stream is still the one that was read; `scannedSeq` is how far a filtered split has seen that nothing is for it.
 */
export interface SplitRecord {
  readonly stream: string;
  readonly domain: string | undefined;
  readonly created: string;
  readonly split: string;
  /** How the stream was cut into splits, in words: cut another way it is another pipeline. */
  readonly cut: string;
  readonly filters: readonly string[];
  readonly lastSeq: number;
  readonly lastTs: string | undefined;
  readonly scannedSeq: number;
  /** End of the first pass of `deliver_policy = 'last_per_subject'`; undefined for other policies. */
  readonly initialUntil: number | undefined;
  readonly consumerSeq: number;
  readonly epoch: number;
  readonly consumer: string;
  readonly ackMode: AckMode;
  /** What was passed over since the pipeline began. */
  readonly gaps: GapRecord;
}

export interface GapRecord {
  readonly count: number;
  /** Sequences in those of them whose range is known. */
  readonly lost: number;
  readonly last: LastGap | undefined;
}

export interface LastGap {
  readonly reason: string;
  readonly from: number | undefined;
  readonly to: number | undefined;
  /** RFC 3339. */
  readonly at: string;
}

export const noGaps: GapRecord = { count: 0, lost: 0, last: undefined };

const sequence = z
  .string()
  .regex(/^\d+$/)
  .transform(Number)
  .refine((value) => Number.isSafeInteger(value));

/** Unknown keys are let through: a later minor version may add some. */
const stored = z.object({
  stream: z.string(),
  domain: z.string().optional(),
  created: z.string(),
  split: z.string(),
  filters: z.array(z.string()),
  lastSeq: sequence,
  lastTs: z.string().regex(/^\d+$/).optional(),
  scannedSeq: sequence,
  consumerSeq: sequence,
  epoch: z.int(),
  consumer: z.string(),
  ackMode: z.enum(["none", "all", "explicit"]),
  cut: z.string(),
  initialUntil: sequence.optional(),
  gaps: z.object({
    count: z.int().min(0),
    lost: sequence,
    last: z
      .object({ reason: z.string(), from: sequence.optional(), to: sequence.optional(), at: z.string() })
      .optional(),
  }),
});

/** Each step makes the next version of a record: v1 knew no partitions, no first pass and no gaps passed over. */
const migrations: Readonly<Record<number, (state: SplitState) => SplitState>> = {
  1: (state) => ({ ...state, v: 2, cut: "one split", gaps: { count: 0, lost: "0" } }),
};
const VERSION = 2;

export function encodeRecord(record: SplitRecord): SplitState {
  const { domain, lastTs, lastSeq, scannedSeq, initialUntil, consumerSeq, filters, gaps, ...rest } = record;
  const json: JsonObject & { v: number } = {
    v: VERSION,
    ...rest,
    filters: [...filters],
    lastSeq: String(lastSeq),
    scannedSeq: String(scannedSeq),
    consumerSeq: String(consumerSeq),
    gaps: encodeGaps(gaps),
    ...(lastTs === undefined ? {} : { lastTs }),
    ...(domain === undefined ? {} : { domain }),
    ...(initialUntil === undefined ? {} : { initialUntil: String(initialUntil) }),
  };
  return json;
}

function encodeGaps({ count, lost, last }: GapRecord): JsonObject {
  if (last === undefined) return { count, lost: String(lost) };
  const { reason, at, from, to } = last;
  const range = from === undefined || to === undefined ? {} : { from: String(from), to: String(to) };
  return { count, lost: String(lost), last: { reason, ...range, at } };
}

/** Reads a record of this version or an earlier one. Throws STATE_INVALID for a later one, and for what is none. */
export function decodeRecord(state: SplitState): SplitRecord {
  let current = state;
  for (let migrate = migrations[current.v]; migrate !== undefined; migrate = migrations[current.v]) {
    current = migrate(current);
  }
  if (current.v !== VERSION) {
    throw new ConnectorError(
      "STATE_INVALID",
      `state of a split has version ${state.v} and this program reads up to ${VERSION}; run the version that wrote it, or a later one`,
      { context: { version: state.v } },
    );
  }
  const result = stored.safeParse(current);
  if (!result.success) {
    const issue = result.error.issues[0];
    const path = issue?.path.join(".") ?? "";
    throw new ConnectorError("STATE_INVALID", `state of a split cannot be read: ${path}: ${issue?.message}`, {
      context: { version: state.v },
    });
  }
  const { domain, lastTs, initialUntil, gaps, ...rest } = result.data;
  const { last } = gaps;
  const lastGap = last && { reason: last.reason, from: last.from, to: last.to, at: last.at };
  return { ...rest, domain, lastTs, initialUntil, gaps: { count: gaps.count, lost: gaps.lost, last: lastGap } };
}

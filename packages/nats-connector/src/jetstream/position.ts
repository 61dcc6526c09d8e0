import { ConnectorError, type JsonObject, type SourcePosition, type SplitState } from "@x/connector-api";
import { z } from "zod";

/** A place in a stream: everything up to `lastSeq` has been read. */
export interface StreamPosition {
  readonly lastSeq: number;
  /** When message `lastSeq` was stored, in nanoseconds as decimal digits; undefined when no message was read yet. */
  readonly lastTs: string | undefined;
  /** Its number within the consumer that delivered it; 0 when unknown. */
  readonly consumerSeq: number;
}

/** Reads `<sseq>.<dseq>.<ts>`, the position of a row. Throws STATE_INVALID for anything else. */
export function parsePosition(position: SourcePosition): StreamPosition {
  const match = typeof position === "string" ? /^(\d+)\.(\d+)\.(\d*)$/.exec(position) : null;
  if (match === null) {
    throw new ConnectorError("STATE_INVALID", "a position of a JetStream source must be <sequence>.<delivery>.<time>");
  }
  return { lastSeq: Number(match[1]), consumerSeq: Number(match[2]), lastTs: match[3] === "" ? undefined : match[3] };
}

/** The sequence of a position, without the cost of reading the rest; for positions that a source has made. */
export function sequenceOf(position: SourcePosition): number {
  return Number.parseInt(position as string, 10);
}

/**
 * State of one split, as a checkpoint holds it. `created` and (`lastSeq`, `lastTs`) say whether a stream is still the
 * one that was read; `scannedSeq` is how far a filtered split has seen that nothing is for it.
 */
export interface SplitRecord {
  readonly stream: string;
  readonly domain: string | undefined;
  readonly created: string;
  readonly split: string;
  readonly filters: readonly string[];
  readonly lastSeq: number;
  readonly lastTs: string | undefined;
  readonly scannedSeq: number;
  readonly consumerSeq: number;
  readonly epoch: number;
  readonly consumer: string;
  readonly ackMode: AckMode;
}

export type AckMode = "none" | "all" | "explicit";

const sequence = z
  .string()
  .regex(/^\d+$/)
  .transform(Number)
  .refine((value) => Number.isSafeInteger(value));

/** Unknown keys are let through: a later minor version may add some. */
const record = z.object({
  v: z.literal(1),
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
});

export function encodeRecord(state: SplitRecord): SplitState {
  const { domain, lastTs, lastSeq, scannedSeq, consumerSeq, filters, ...rest } = state;
  const json: JsonObject & { v: number } = {
    v: 1,
    ...rest,
    filters: [...filters],
    lastSeq: String(lastSeq),
    scannedSeq: String(scannedSeq),
    consumerSeq: String(consumerSeq),
    ...(lastTs === undefined ? {} : { lastTs }),
    ...(domain === undefined ? {} : { domain }),
  };
  return json;
}

/** Throws STATE_INVALID for a record of another version or shape. */
export function decodeRecord(state: SplitState): SplitRecord {
  const result = record.safeParse(state);
  if (!result.success) {
    const issue = result.error.issues[0];
    const path = issue?.path.join(".") ?? "";
    throw new ConnectorError("STATE_INVALID", `state of a split cannot be read: ${path}: ${issue?.message}`, {
      context: { version: state.v },
    });
  }
  const { v: _, domain, lastTs, ...rest } = result.data;
  return { ...rest, domain, lastTs };
}

/** RFC 3339 with up to nine digits after the point, as the server prints times, in nanoseconds as decimal digits. */
export function nanosecondsOf(time: string): string {
  const fraction = /\.(\d{1,9})/.exec(time);
  const seconds = Date.parse(time.replace(/\.\d+/, "")) / 1000;
  return (BigInt(seconds) * 1_000_000_000n + BigInt((fraction?.[1] ?? "0").padEnd(9, "0"))).toString();
}

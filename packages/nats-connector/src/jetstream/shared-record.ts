import { ConnectorError, type SplitState } from "@x/connector-api";
import { z } from "zod";
import type { SequencePair } from "./api.js";

/**
 * State of a source with `ordering = 'none'` (`docs/state.md`). The server knows what is acked; this is what is needed
 * when it forgets: everything up to `floor` was acked, and thereby written, by some process of the pipeline.
 */
export interface SharedRecord {
  readonly stream: string;
  readonly created: string;
  readonly consumer: string;
  readonly floor: number;
  /** The farthest delivery that this process knows of, its own or another's; undefined in states of before. */
  readonly farthest: SequencePair | undefined;
  /** Messages that this process has handed on: two checkpoints are the same only if nothing came in between. */
  readonly handedOn: number;
}

const count = z.string().regex(/^\d+$/).transform(Number);
const stored = z.object({
  v: z.literal(2),
  ordering: z.literal("none"),
  stream: z.string(),
  created: z.string(),
  consumer: z.string(),
  floor: count,
  handedOn: count,
  lastSeq: count.optional(),
  consumerSeq: count.optional(),
});

export function encodeShared({ stream, created, consumer, floor, farthest, handedOn }: SharedRecord): SplitState {
  const numbers = { floor: String(floor), handedOn: String(handedOn) };
  const last = farthest && { lastSeq: String(farthest.stream_seq), consumerSeq: String(farthest.consumer_seq) };
  return { v: 2, ordering: "none", stream, created, consumer, ...numbers, ...last };
}

/** Throws STATE_INVALID for anything else, such as the position of a source that reads in order. */
export function decodeShared(state: SplitState): SharedRecord {
  const result = stored.safeParse(state);
  if (result.success) {
    const { lastSeq, consumerSeq, v, ordering, ...record } = result.data;
    const isKnown = lastSeq !== undefined && consumerSeq !== undefined;
    return { ...record, farthest: isKnown ? { stream_seq: lastSeq, consumer_seq: consumerSeq } : undefined };
  }
  const path = result.error.issues[0]?.path.join(".") ?? "";
  throw new ConnectorError(
    "STATE_INVALID",
    `the state is none of a source with ordering = 'none' (${path}); give the pipeline another name`,
    { context: { version: state.v } },
  );
}

import { ConnectorError } from "@x/connector-api";
import type { StreamConfig } from "../jetstream/api.js";

/** What may be staged of one input: it is held in memory, once, and lies in the stream twice until it is written. */
export const MAX_STAGED_OUTPUTS = 1_000_000;
export const MAX_STAGED_BYTES = 64 * 1024 * 1024;

/** Throws CAPABILITY_MISSING when the stream would remove the beginning of a stage to make room for its end. */
export function assertRoom(
  { stream, subject }: { readonly stream: string; readonly subject: string },
  { max_msgs_per_subject: perSubject = -1 }: StreamConfig,
  records: number,
  input: number,
): void {
  if (perSubject <= 0 || records <= perSubject) return;
  throw new ConnectorError(
    "CAPABILITY_MISSING",
    `the outputs of input ${input} take ${records} messages on "${subject}" until all of them are written, and stream "${stream}" keeps ${perSubject} of a subject (max_msgs_per_subject): raise it, make the transform deterministic, or let one input give fewer rows`,
    { context: { stream, subject, sequence: input, records, maxMsgsPerSubject: perSubject } },
  );
}

/** An input whose outputs are more than may be staged. */
export function tooMuchToStage(input: number): ConnectorError {
  return new ConnectorError(
    "CAPABILITY_MISSING",
    `input ${input} has more than ${MAX_STAGED_OUTPUTS} outputs or ${MAX_STAGED_BYTES} bytes of them, which is the most that is staged for a transform that is not deterministic; make the transform deterministic, or let one input give fewer rows`,
    { context: { sequence: input, maxOutputs: MAX_STAGED_OUTPUTS, maxBytes: MAX_STAGED_BYTES } },
  );
}

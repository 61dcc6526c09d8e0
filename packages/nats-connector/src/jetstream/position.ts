import { ConnectorError, type SourcePosition } from "@x/connector-api";

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

/** How a consumer acks. */
export type AckMode = "none" | "all" | "explicit";

/** RFC 3339 with up to nine digits after the point, as the server prints times, in nanoseconds as decimal digits. */
export function nanosecondsOf(time: string): string {
  const fraction = /\.(\d{1,9})/.exec(time);
  const seconds = Date.parse(time.replace(/\.\d+/, "")) / 1000;
  return (BigInt(seconds) * 1_000_000_000n + BigInt((fraction?.[1] ?? "0").padEnd(9, "0"))).toString();
}

/** The reverse: nanoseconds as RFC 3339. */
export function timeOf(nanoseconds: bigint): string {
  const seconds = nanoseconds / 1_000_000_000n;
  const fraction = (nanoseconds % 1_000_000_000n).toString().padStart(9, "0");
  return `${new Date(Number(seconds) * 1000).toISOString().slice(0, -5)}.${fraction}Z`;
}

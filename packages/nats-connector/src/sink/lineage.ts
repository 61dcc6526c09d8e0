import { ConnectorError, type SinkContext, type SourcePosition } from "@x/connector-api";

/**
 * Where an output comes from, in headers of its own (`lineage = true`): `X-Source-Stream`, `X-Source-Sequence`,
 * `X-Pipeline` and `X-Job` on each, and `X-Source-Index` from the second output of one input on, counted from 0 with
 * the first. A stream, a sequence and an index name an output once and for all.
 */
export interface Lineage {
  /** What all outputs of a run share. */
  readonly fixed: Readonly<Record<string, string>>;
  /** Header lines of one output: the `index`th row of the input at `position`. */
  lines(position: SourcePosition, index: number): string;
}

/** Names a user may not give to headers of a table with lineage, in lower case. */
export const lineageNames: readonly string[] = [
  "x-source-stream",
  "x-source-sequence",
  "x-source-index",
  "x-pipeline",
  "x-job",
];

/** Throws OPTION_CONFLICT when rows come from nowhere that could be named. */
export function openLineage({ origin, identity }: SinkContext): Lineage {
  if (origin === undefined) {
    throw new ConnectorError(
      "OPTION_CONFLICT",
      "lineage = true names the source stream and sequence of every output, but this input has none; read it from a JetStream stream, or leave lineage out",
    );
  }
  const { sequenceOf } = origin;
  return {
    fixed: {
      "X-Source-Stream": printable(origin.stream),
      "X-Pipeline": printable(identity.pipeline),
      "X-Job": printable(identity.jobId),
    },
    lines(position, index) {
      const line = `X-Source-Sequence: ${sequenceOf(position)}\r\n`;
      return index === 0 ? line : `${line}X-Source-Index: ${index}\r\n`;
    },
  };
}

/** A name of a pipeline may hold what a header may not. */
function printable(name: string): string {
  return name.replace(/[\p{Cc}\p{Cs}]/gu, "_");
}

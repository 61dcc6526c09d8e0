import { ConnectorError } from "@x/connector-api";
import { subjectsOverlap } from "../connection-test/filter-overlap.js";
import type { StreamInfo } from "../jetstream/api.js";
import type { JetStreamSourceTable } from "../table-config.js";

/** A part of a stream that is read in order by itself. Names are the numbers from 0, and the same on every start. */
export interface Split {
  readonly name: string;
  /** How the stream was cut, in words; the same for all its splits. */
  readonly cut: string;
  /** Subjects in it; none means the whole stream. */
  readonly filters: readonly string[];
}

/** Names of the splits of a table, which its options alone decide. */
export function splitNames({ partition }: JetStreamSourceTable): readonly string[] {
  const count = partition === undefined ? 1 : partition.by === "filters" ? partition.filters.length : partition.count;
  return Array.from({ length: count }, (_, i) => String(i));
}

/**
 * The splits of a table on this stream. Pure. Throws OPTION_INVALID when the stream cannot be cut that way: an unknown
 * transform, a token that no subject has, filters that overlap.
 */
export function resolveSplits(table: JetStreamSourceTable, stream: StreamInfo): readonly Split[] {
  const filtersOf = filterMaker(table, stream);
  const cut = describeCut(table);
  return splitNames(table).map((name) => ({ name, cut, filters: filtersOf(Number(name)) }));
}

function describeCut({ partition }: JetStreamSourceTable): string {
  switch (partition?.by) {
    case undefined:
      return "one split";
    case "filters":
      return `${partition.filters.length} splits by filters`;
    case "token":
      return `${partition.count} splits by token ${partition.token}`;
    case "transform":
      return `${partition.count} splits by the stream's transform`;
  }
}

/** Filters of what lies behind the last partition, where a message would be read by nobody; undefined where none can. */
export function filtersBehindTheLast(table: JetStreamSourceTable, stream: StreamInfo): readonly string[] | undefined {
  const { partition } = table;
  if (partition === undefined || partition.by === "filters") return undefined;
  return filterMaker(table, stream)(partition.count);
}

function filterMaker(table: JetStreamSourceTable, stream: StreamInfo): (index: number) => readonly string[] {
  const { partition, filterSubjects } = table;
  switch (partition?.by) {
    case undefined:
      return () => filterSubjects;
    case "filters":
      refuseOverlaps(partition.filters);
      return (index) => partition.filters.slice(index, index + 1);
    case "token": {
      const patterns = filterSubjects.length > 0 ? filterSubjects : storedSubjects(stream);
      const filtersOf = (index: number): string[] =>
        patterns.flatMap((pattern) => withToken(pattern, partition.token, String(index)));
      if (filtersOf(0).length > 0) return filtersOf;
      throw new ConnectorError(
        "OPTION_INVALID",
        `partition.token = ${partition.token}: subjects of stream "${stream.config.name}" (${patterns.join(", ")}) have no number there`,
      );
    }
    case "transform": {
      const { pattern, token } = partitionOf(stream, partition.count);
      return (index) => withToken(pattern, token, String(index));
    }
  }
}

function refuseOverlaps(filters: readonly string[]): void {
  for (const [i, one] of filters.entries()) {
    const other = filters.slice(i + 1).find((each) => subjectsOverlap(one, each));
    if (other === undefined) continue;
    const text = `partition.filters: "${one}" and "${other}" overlap, so a message could be in two splits`;
    throw new ConnectorError("OPTION_INVALID", text);
  }
}

/** The pattern with one token fixed; two patterns where a last `>` begins there, none where another word stands. */
function withToken(pattern: string, position: number, word: string): readonly string[] {
  const tokens = pattern.split(".");
  const at = position - 1;
  if (tokens.at(-1) === ">" && tokens.length - 1 <= at) {
    const before = [...tokens.slice(0, -1), ...Array<string>(at - tokens.length + 1).fill("*"), word].join(".");
    return [before, `${before}.>`];
  }
  const token = tokens[at];
  if (token !== "*" && token !== word) return [];
  return [tokens.with(at, word).join(".")];
}

/** Patterns of the subjects as they are stored. */
function storedSubjects({ config }: StreamInfo): readonly string[] {
  if (config.subject_transform !== undefined) return [patternOf(config.subject_transform.dest)];
  // What a stream gets from others may have any subject.
  if (config.mirror !== undefined || (config.sources ?? []).length > 0) return [">"];
  return config.subjects ?? [">"];
}

const FUNCTION = /\{\{[^}]*\}\}|\$\d+/g;
const SEVERAL = /\{\{\s*(?:split|slice)/i;

/** The subjects that a transform gives. Functions that give several tokens make their place unknown. */
function patternOf(dest: string): string {
  const several = SEVERAL.exec(dest);
  const known = several === null ? dest : `${dest.slice(0, several.index)}>`;
  return known.replace(FUNCTION, "*");
}

/** Where a stream's transform puts the number of the partition. */
function partitionOf({ config }: StreamInfo, count: number): { readonly pattern: string; readonly token: number } {
  const dest = config.subject_transform?.dest ?? "";
  const match = /\{\{\s*partition\(\s*(\d+)/i.exec(dest);
  // Behind a function that gives several tokens nobody knows which one it is.
  if (match === null || SEVERAL.test(dest.slice(0, match.index))) {
    throw new ConnectorError(
      "OPTION_INVALID",
      `partitions = ${count}: stream "${config.name}" has no subject transform with partition() at a fixed token; give the stream one, or say where its subjects hold the number with partition.token, or give partition.filters`,
    );
  }
  if (Number(match[1]) !== count) {
    throw new ConnectorError(
      "OPTION_INVALID",
      `partitions = ${count}: the subject transform of stream "${config.name}" makes ${match[1]}`,
    );
  }
  return { pattern: patternOf(dest), token: dest.slice(0, match.index).split(".").length };
}

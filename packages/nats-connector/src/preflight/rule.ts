import type { Finding, Severity } from "@x/connector-api";
import type { StreamInfo } from "../jetstream/api.js";
import type { Facts, JetStreamSinkFacts, JetStreamSourceFacts, SinkFacts, SourceFacts } from "./facts.js";

/** What a rule says when it is broken. */
export interface Breach {
  /** Names and numbers, one sentence without a full stop. */
  readonly message: string;
  readonly remedy: string;
  /** Where they are not the rule's own. */
  readonly severity?: Severity;
  readonly side?: Finding["side"];
}

type Breaches = Breach | readonly Breach[] | undefined;

/** One rule: an entry of a literal list, and a pure function that returns its breaches, or nothing. */
export interface Rule {
  /** Stable within a major version. */
  readonly id: string;
  readonly side: Finding["side"];
  readonly severity: Severity;
  /** Why it matters to the promise. */
  readonly explanation: string;
  readonly breach: (facts: Facts) => Breaches;
}

type Find<Side> = (side: Side, facts: Facts) => Breaches;
export type WithStream<Side> = Side & { readonly stream: StreamInfo };

/** For a rule about a source that reads a stream. */
export function ofStreamSource(find: Find<JetStreamSourceFacts>): Rule["breach"] {
  return (facts) => (facts.source?.kind === "jetstream-source" ? find(facts.source, facts) : undefined);
}

/** For a rule about the stream of a source: silent while it does not exist. */
export function ofSourceStream(find: Find<WithStream<JetStreamSourceFacts>>): Rule["breach"] {
  return ofStreamSource((source, facts) => (hasStream(source) ? find(source, facts) : undefined));
}

/** For a rule about a sink that publishes into a stream. */
export function ofStreamSink(find: Find<JetStreamSinkFacts>): Rule["breach"] {
  return (facts) => (facts.sink?.kind === "jetstream-sink" ? find(facts.sink, facts) : undefined);
}

/** For a rule about the stream of a sink: silent while it does not exist. */
export function ofSinkStream(find: Find<WithStream<JetStreamSinkFacts>>): Rule["breach"] {
  return ofStreamSink((sink, facts) => (hasStream(sink) ? find(sink, facts) : undefined));
}

/** For a rule about either side, of whatever kind. */
export function ofEachSide(find: Find<SourceFacts | SinkFacts>): Rule["breach"] {
  const on = (side: "source" | "sink", facts: Facts): readonly Breach[] => {
    const found = facts[side] && find(facts[side], facts);
    return [found ?? []].flat().map((breach) => ({ ...breach, side }));
  };
  return (facts) => [...on("source", facts), ...on("sink", facts)];
}

/** For a rule about the streams that a pipeline reads from and writes into. */
export function ofEachStream(find: Find<WithStream<JetStreamSourceFacts | JetStreamSinkFacts>>): Rule["breach"] {
  return ofEachSide((side, facts) => ("stream" in side && hasStream(side) ? find(side, facts) : undefined));
}

function hasStream<Side extends { readonly stream: StreamInfo | undefined }>(side: Side): side is WithStream<Side> {
  return side.stream !== undefined;
}

/** Durations of the server's configuration. */
export const msOf = (nanoseconds: number | undefined): number => (nanoseconds ?? 0) / 1_000_000;

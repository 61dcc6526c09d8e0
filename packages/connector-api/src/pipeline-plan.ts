import type { ConnectionSchema } from "./connection-schema.js";
import type { OperatorConfig } from "./operator-config.js";
import type { SplitState } from "./operator-context.js";
import type { JsonObject } from "./row.js";

/** One table of a pipeline, as `makeOperator` takes it. */
export interface TablePlan<Profile = unknown, Table = unknown> {
  /** The table's name, for messages. */
  readonly name: string;
  readonly profile: Profile;
  readonly table: Table;
  readonly config: OperatorConfig;
  readonly schema: ConnectionSchema;
}

/**
 * A pipeline that is not running: what a host would start, for a connector to judge or to explain. A side that another
 * connector owns, or the host itself (the rows of a bare SELECT), is absent.
 */
export interface PipelinePlan<Profile = unknown, Table = unknown> {
  readonly name: string;
  readonly source?: TablePlan<Profile, Table>;
  readonly sink?: TablePlan<Profile, Table>;
  /** Whether the transform makes the same rows of the same input each time. */
  readonly deterministic: boolean;
  readonly checkpointIntervalMs: number;
  /** How long the pipeline may be away and still has to keep its promise. */
  readonly recoveryMs: number;
  /** False when the state is gone with the process. */
  readonly durableState: boolean;
  /** Splits of the last durable checkpoint; absent on a first start. */
  readonly restored?: ReadonlyMap<string, SplitState>;
  /** The other pipelines that would run in the same process. */
  readonly beside?: readonly PipelinePlan<Profile, Table>[];
}

/** `error`: the promise cannot hold. `warning`: it holds under a condition. `note`: worth knowing. */
export type Severity = "error" | "warning" | "note";

/** One thing that {@link PipelinePlan} meets in the live systems. Never a secret, never payload bytes. */
export interface Finding {
  /** Of the rule: stable within a major version, words joined by "-". */
  readonly id: string;
  readonly severity: Severity;
  /** The side of the pipeline it is about. */
  readonly side: "source" | "sink" | "pipeline";
  /** What was found, with names and numbers. */
  readonly message: string;
  /** Why that matters to the promise. */
  readonly explanation: string;
  /** What to do about it. */
  readonly remedy: string;
}

/** The judgement of a plan. */
export interface Preflight {
  /** What the options promise, in words: `at least once, in order`. */
  readonly promise: string;
  /** The gravest first. */
  readonly findings: readonly Finding[];
  /** Ids of all rules that were looked at. */
  readonly rules: readonly string[];
}

/** What a run would do, exactly. The members of a side are the connector's own and made to be read by people. */
export interface Explanation {
  readonly promise: string;
  readonly source?: JsonObject;
  readonly sink?: JsonObject;
  /** What users of the promise must know, a sentence each. */
  readonly notes: readonly string[];
}

/** A place in the input of a split: the input with this number, or the first one stored at or after a time (RFC 3339). */
export type InputPlace = { readonly sequence: number } | { readonly time: string };

/** A split's state at another place. */
export interface MovedSplit {
  readonly state: SplitState;
  /** From where to where, for people. */
  readonly summary: string;
  /** Inputs between the old place and a new one ahead of it, which would never be read; 0 for a step back. */
  readonly skips: number;
}

/** A part of what an input holds. */
export interface ReplayRange {
  /** Default: the first input that is there. `last` counts inputs from the end. */
  readonly from?: InputPlace | { readonly last: number };
  /** Number of the last input. Default: the last one that is there when the replay is opened. */
  readonly to?: number;
  /** Goes on behind the end, until the host drains. */
  readonly follow?: boolean;
}

/** Something that was made because a pipeline needs it and it was not there. */
export interface CreatedPart {
  /** `stream`, for example. */
  readonly kind: string;
  readonly name: string;
  /** How it was made, as people read it: `subjects late.flights, file, 1 replica`. */
  readonly settings: string;
}

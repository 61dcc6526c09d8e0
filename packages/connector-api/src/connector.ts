import type { CheckpointStore } from "./checkpoint-store.js";
import type { ConnectionSchema, SqlType } from "./connection-schema.js";
import type { ConnectorOptions } from "./connector-options.js";
import type { DeadLetterBox } from "./dead-letter-box.js";
import type { Logger } from "./logger.js";
import type { SinkOperator, SourceOperator } from "./operator.js";
import type { OperatorConfig } from "./operator-config.js";
import type { SplitState } from "./operator-context.js";
import type {
  CreatedPart,
  Explanation,
  InputPlace,
  MovedSplit,
  PipelinePlan,
  Preflight,
  ReplayRange,
  TablePlan,
} from "./pipeline-plan.js";
import type { JsonObject } from "./row.js";

export type TableType = "source" | "sink";

/** What a host shows of a connector before anything is configured. */
export interface ConnectorMetadata {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  /** Inline SVG. */
  readonly icon: string;
  readonly source: boolean;
  readonly sink: boolean;
  /** True when {@link Connector.test} really tests. */
  readonly testing: boolean;
  /** True when tables bring their own schema. */
  readonly customSchemas: boolean;
  /** JSON Schema 2020-12 of a profile. Secret fields carry `"writeOnly": true`. */
  readonly connectionSchema: JsonObject;
  /** JSON Schema 2020-12 of a table. */
  readonly tableSchema: JsonObject;
}

/** A column that a connector can fill from the message around the payload. `key` may end in `.<Name>`: a family. */
export interface MetadataColumn {
  readonly key: string;
  readonly type: SqlType;
  readonly description: string;
}

/** What the source of a table promises beyond what holds for every source. The published suite proves it. */
export interface SourceCapabilities {
  /**
   * The input is kept where it is: a first start reads what is there, a start from a snapshot reads everything behind
   * it, and there is an end to catch up with. False: only what comes while it listens (NATS Core).
   */
  readonly replays: boolean;
  /** The system it reads from keeps what is not acknowledged, and this table's configuration acknowledges. */
  readonly acks: boolean;
}

/** A table of a connector, checked and ready to be stored. */
export interface Connection {
  readonly id: string | undefined;
  /** The connector's name. */
  readonly connector: string;
  readonly name: string;
  readonly type: TableType;
  readonly schema: ConnectionSchema;
  /**
   * The {@link OperatorConfig} as JSON text. As secret as the options it was made from. UNSUPPORTED when it is read and
   * the options hold what no text can: a function that supplies a secret.
   */
  readonly config: string;
  /** The same as an object, functions included, for a host that runs it at once. Absent: `config` says it all. */
  readonly operatorConfig?: OperatorConfig;
  /** One line for people, without secrets. */
  readonly description: string;
}

/** An operator, ready to be opened by a host. */
export type ConstructedOperator =
  | { readonly kind: "source"; readonly operator: SourceOperator }
  | { readonly kind: "sink"; readonly operator: SinkOperator };

/** One step of a connection test, in the order they happened; the last one carries the verdict. */
export interface TestMessage {
  readonly step: string;
  readonly status: "running" | "ok" | "failed";
  /** What was found, without secrets. */
  readonly message: string;
  /** What to do about a failure. */
  readonly remedy?: string;
  readonly elapsedMs: number;
  /** True for the last message only. */
  readonly done: boolean;
}

/**
 * Names a user may want to type next: under the names of table fields what may stand there, and under names that hold a
 * dot what belongs to one of those (`ORDERS.columns`); a connector says which it has.
 */
export type Autocomplete = Readonly<Record<string, readonly string[]>>;

/** How a connector keeps checkpoints. */
export interface StateOptions {
  /** Makes the place when it is missing. Default: a missing one is an error that says how to make it. */
  readonly create?: boolean | undefined;
  /** Checkpoints kept per pipeline, the newest ones. Default 3. */
  readonly keep?: number | undefined;
  /** Default: says nothing. */
  readonly logger?: Logger | undefined;
}

/**
 * A connector: typed inside, erased outside. What stands above `test` is pure and may be called at any time; `test` and
 * what follows do I/O. Between calls a connector keeps no state but connections that its operators share.
 */
export interface Connector<Profile = unknown, Table = unknown> {
  /** The word in `connector = '…'`. */
  readonly name: string;
  metadata(): ConnectorMetadata;
  metadataColumns(): readonly MetadataColumn[];
  /** Parses a stored profile. Throws OPTION_INVALID naming the path. */
  parseProfile(value: unknown): Profile;
  /** Parses a stored table. Throws OPTION_INVALID naming the path. */
  parseTable(value: unknown): Table;
  /** One line about a profile for people. Never a secret, never a failure. */
  configDescription(profile: Profile): string;
  tableType(profile: Profile, table: Table): TableType;
  /** Needed of a connector with sources. */
  sourceCapabilities?(profile: Profile, table: Table): SourceCapabilities;
  /**
   * The splits of a source table that processes may share, each as a table whose source reads that split alone, under
   * the state and the positions that it has in a source of all. Undefined where nothing can be shared that way.
   */
  splitTables?(profile: Profile, table: Table): ReadonlyMap<string, Table> | undefined;
  /** True for a sink that keeps the position itself, so that the host's checkpoints are a cache of it (exactly once). */
  keepsProgress?(profile: Profile, table: Table): boolean;
  /** The number of the last input that a split's state has passed, as a replay numbers them. */
  readThrough?(state: SplitState): number;
  /** The schema a table implies by itself; undefined when the user must declare one. */
  getSchema(profile: Profile, table: Table, schema: ConnectionSchema | undefined): ConnectionSchema | undefined;
  /**
   * Checks the options of `CREATE TABLE … WITH (…)` and makes a connection of them. `profile` is the stored profile that
   * `connection_profile` named. Throws coded errors with the place of the option; unknown options before missing ones.
   */
  fromOptions(name: string, options: ConnectorOptions, schema?: ConnectionSchema, profile?: Profile): Connection;
  /** Makes a connection of stored configuration. */
  fromConfig(
    id: string | undefined,
    name: string,
    profile: Profile,
    table: Table,
    schema?: ConnectionSchema,
  ): Connection;
  /** Compiles configuration into an operator. No I/O; throws coded errors for a combination that cannot work. */
  makeOperator(profile: Profile, table: Table, config: OperatorConfig, schema: ConnectionSchema): ConstructedOperator;
  /**
   * A source that reads a part of what a table's input holds, or a sink's stream as its output, and leaves no trace
   * there: no position, no acknowledgement, nothing that outlives it or that others notice. Its positions are the numbers
   * of the inputs. No I/O. Its `open` rejects with STREAM_NOT_FOUND for a table that nothing is kept of.
   */
  makeReplay?(table: TablePlan<Profile, Table>, range: ReplayRange): SourceOperator;
  /**
   * A store of checkpoints in the system that a profile names; `location` is what the system calls the place, a KV
   * bucket for example. No I/O before the first call of the store. Left out by a connector that keeps none.
   */
  createCheckpoints?(profile: Profile, location: string, options?: StateOptions): CheckpointStore;
  /**
   * Tries a table for real and says step by step what it found. Creates nothing that outlives the call. With `config`
   * the format is tried too, on a sample; without it, or without a schema, the steps that need them say so. Ends soon
   * after the signal, with a verdict all the same; throws nothing.
   */
  test?(
    name: string,
    profile: Profile,
    table: Table,
    schema: ConnectionSchema | undefined,
    signal: AbortSignal,
    config?: OperatorConfig,
  ): AsyncIterable<TestMessage>;
  /** Tries a profile for real. */
  testProfile?(profile: Profile, signal: AbortSignal): AsyncIterable<TestMessage>;
  /** Looks around with bounded effort. Rejects with a coded error; creates nothing. */
  autocomplete?(profile: Profile, signal: AbortSignal): Promise<Autocomplete>;
  /**
   * Compares what a pipeline promises with the live systems it would run on, and reports every rule that it breaks
   * there. Reads only. What is missing or cannot be read is a finding; rejects with a coded error when there is no way
   * in.
   */
  preflight?(plan: PipelinePlan<Profile, Table>, signal: AbortSignal): Promise<Preflight>;
  /**
   * What a run of the plan would ask of the systems behind it: exact configurations, permissions, the guarantee. Creates
   * nothing. Rejects with a coded error when there is no way in or nothing to run on.
   */
  explain?(plan: PipelinePlan<Profile, Table>, signal: AbortSignal): Promise<Explanation>;
  /**
   * Makes what the pipeline writes into and what is not there, with the settings its promise needs. Never touches what is
   * there, and never makes an input. Resolves with what it made; rejects with a coded error, and what was made before
   * stays.
   */
  createMissing?(plan: PipelinePlan<Profile, Table>, signal: AbortSignal): Promise<readonly CreatedPart[]>;
  /**
   * Moves the state of one split of a source, so that the input at `place` is read next. The place is one of the input
   * as it is now, also when that is no longer the one of the state. Rejects with USAGE when nothing can be read from
   * there (any more), naming what could be.
   */
  moveSplit?(
    source: TablePlan<Profile, Table>,
    state: SplitState,
    place: InputPlace,
    signal: AbortSignal,
  ): Promise<MovedSplit>;
  /**
   * Opens the dead letters that are kept under a subject, or in a whole stream, also those that the server itself gave
   * up. Rejects with STREAM_NOT_FOUND when nothing keeps them.
   */
  openDeadLetters?(
    profile: Profile,
    place: { readonly subject: string } | { readonly stream: string },
    signal: AbortSignal,
  ): Promise<DeadLetterBox>;
}

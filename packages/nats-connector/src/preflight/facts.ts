import type { BadDataConfig } from "@x/connector-api";
import type { Capabilities } from "../capabilities.js";
import type { AccountInfo, ConsumerInfo, StreamInfo } from "../jetstream/api.js";
import type { SplitRecord } from "../jetstream/state-record.js";
import type { Permissions } from "../permissions.js";
import type {
  CoreSinkTable,
  CoreSourceTable,
  JetStreamSinkTable,
  JetStreamSourceTable,
  TableConfig,
} from "../table-config.js";

/** Everything the rules judge by, read once. Plain data: a rule is a function of it and of nothing else. */
export interface Facts {
  readonly pipeline: PipelineFacts;
  /** Undefined for a side that is not NATS. */
  readonly source: SourceFacts | undefined;
  readonly sink: SinkFacts | undefined;
  /** Whether both sides use the same servers, account and domain. */
  readonly sameSystem: boolean;
  readonly nowMs: number;
}

export interface PipelineFacts {
  readonly name: string;
  readonly deterministic: boolean;
  readonly checkpointIntervalMs: number;
  readonly recoveryMs: number;
  readonly durableState: boolean;
  /** Names of the splits that the source reads. */
  readonly splits: readonly string[];
  /** Of the other pipelines of the same file. */
  readonly beside: readonly OtherPipeline[];
}

export interface OtherPipeline {
  readonly name: string;
  readonly source: TableConfig | undefined;
  readonly sink: TableConfig | undefined;
}

/** What one side is connected to. */
export interface SystemFacts {
  readonly capabilities: Capabilities;
  readonly clustered: boolean;
  readonly maxPayload: number;
  /** Undefined when JetStream is off or the user may not ask. */
  readonly account: AccountInfo | undefined;
  /** Subjects that permissions must name and do not. */
  readonly denied: readonly DeniedSubject[];
  /** What could not be read, in words, for want of a permission. */
  readonly unread: readonly string[];
}

export interface DeniedSubject {
  readonly operation: "publish" | "subscribe";
  readonly subject: string;
}

export interface SideFacts {
  /** The table's name in the SQL. */
  readonly name: string;
  readonly system: SystemFacts;
  readonly badData: BadDataConfig;
  /** What its user must be allowed to publish and subscribe to. */
  readonly needed: Permissions;
  /** Undefined unless bad data becomes dead letters. */
  readonly deadLetters: DeadLetterFacts | undefined;
}

export interface DeadLetterFacts {
  readonly subject: string;
  /** The stream that captures the subject; undefined when none does, or it is not known. */
  readonly stream: StreamInfo | undefined;
  readonly known: boolean;
}

export type SourceFacts = JetStreamSourceFacts | CoreSourceFacts;

export interface JetStreamSourceFacts extends SideFacts {
  readonly kind: "jetstream-source";
  readonly table: JetStreamSourceTable;
  /** The limit that holds, in messages per second. */
  readonly rateLimit: number | undefined;
  /** Undefined when it does not exist. */
  readonly stream: StreamInfo | undefined;
  /** Consumers of the stream; undefined when they could not be listed. */
  readonly consumers: readonly KnownConsumer[] | undefined;
  /** Splits of the last checkpoint. */
  readonly positions: readonly SplitRecord[];
  /** The first message that the next start would read; undefined when there is none yet, or it is not known. */
  readonly next: { readonly seq: number; readonly storedAtMs: number } | undefined;
  /** When the message at the position was stored, in nanoseconds; undefined when it is gone. */
  readonly storedAtPosition: string | undefined;
}

export interface KnownConsumer {
  readonly info: ConsumerInfo;
  /** Made by this pipeline. */
  readonly own: boolean;
}

export interface CoreSourceFacts extends SideFacts {
  readonly kind: "core-source";
  readonly table: CoreSourceTable;
}

export type SinkFacts = JetStreamSinkFacts | CoreSinkFacts;

export interface JetStreamSinkFacts extends SideFacts {
  readonly kind: "jetstream-sink";
  readonly table: JetStreamSinkTable;
  /** All subjects the template can give. */
  readonly pattern: string;
  readonly stream: StreamInfo | undefined;
}

export interface CoreSinkFacts extends SideFacts {
  readonly kind: "core-sink";
  readonly table: CoreSinkTable;
  readonly pattern: string;
  /** Names of streams that capture the subject; undefined when they could not be listed. */
  readonly capturedBy: readonly string[] | undefined;
}

import type { ConsumerConfig } from "./consumer-config.js";

/**
 * JetStream API calls over raw subjects (ADR-1, ADR-15, ADR-31). Every call is one request, waits at most
 * `timeoutMs`, ends with ABORTED when the signal does, and rejects with a coded error; nothing is retried here.
 * Sequences are numbers: a stream passes 2^53 after 285 years at a million messages a second.
 */
export interface JetStreamApi {
  /** `$JS.API`, or `$JS.<domain>.API`. */
  readonly prefix: string;
  accountInfo(signal?: AbortSignal): Promise<AccountInfo>;
  /** Rejects with STREAM_NOT_FOUND for an unknown stream. */
  streamInfo(stream: string, signal?: AbortSignal): Promise<StreamInfo>;
  /** One page of a stream's subjects from `offset`, with the number of all. */
  streamSubjects(stream: string, filter: string, offset: number, signal?: AbortSignal): Promise<SubjectPage>;
  /** Creates a stream; one that is equal already is returned as it is. */
  createStream(config: StreamConfig, signal?: AbortSignal): Promise<StreamInfo>;
  /** Names of the streams that capture a subject (which may hold wildcards). */
  streamNames(subject: string, signal?: AbortSignal): Promise<readonly string[]>;
  /** Creates a named consumer with `action: "create"`: an equal one is returned as it is, a different one is refused. */
  createConsumer(stream: string, config: NamedConsumerConfig, signal?: AbortSignal): Promise<ConsumerInfo>;
  /** Gives a consumer that is there this configuration. Where delivery began cannot be changed. */
  updateConsumer(stream: string, config: NamedConsumerConfig, signal?: AbortSignal): Promise<ConsumerInfo>;
  /** Undefined when there is no such consumer. */
  consumerInfo(stream: string, consumer: string, signal?: AbortSignal): Promise<ConsumerInfo | undefined>;
  /** Names of all consumers of a stream. */
  consumerNames(stream: string, signal?: AbortSignal): Promise<readonly string[]>;
  /** False when there was no such consumer. */
  deleteConsumer(stream: string, consumer: string, signal?: AbortSignal): Promise<boolean>;
  /** Removes the messages of a subject (which may hold wildcards). */
  purgeStream(stream: string, filter: string, signal?: AbortSignal): Promise<void>;
  /** A stored message, from the stream's leader; undefined when it is not there (any more). */
  getMessage(stream: string, query: MessageQuery, signal?: AbortSignal): Promise<StoredMessage | undefined>;
  /** Removes a message, without overwriting its bytes. False when it was not there. */
  deleteMessage(stream: string, seq: number, signal?: AbortSignal): Promise<boolean>;
}

export type NamedConsumerConfig = ConsumerConfig & { readonly name: string };

/** By sequence, or the last message of a subject (which may hold wildcards). */
export type MessageQuery = { readonly seq: number; readonly next_by_subj?: string } | { readonly last_by_subj: string };

export interface AccountInfo {
  /** Feature level of the server's JetStream API; 0 before 2.11. */
  readonly level: number;
  readonly domain: string | undefined;
  /** In use by the whole account. */
  readonly storage: number;
  readonly memory: number;
  /** -1 for no limit; undefined where the account has limits per number of replicas: `tiers`. */
  readonly limits: AccountLimits | undefined;
  /** By `R1`, `R3` …; undefined where the limits are for all. */
  readonly tiers?: Readonly<Record<string, { readonly limits: AccountLimits }>> | undefined;
}

export interface AccountLimits {
  readonly max_storage: number;
  readonly max_memory: number;
  readonly max_streams: number;
  readonly max_consumers: number;
  readonly max_ack_pending?: number;
}

export interface StreamConfig {
  readonly name: string;
  readonly subjects?: readonly string[];
  readonly retention: "limits" | "interest" | "workqueue";
  readonly num_replicas: number;
  readonly max_msg_size?: number;
  readonly max_msgs_per_subject?: number;
  readonly max_msgs?: number;
  readonly max_bytes?: number;
  readonly max_consumers?: number;
  readonly storage?: "file" | "memory";
  /** Nanoseconds; 0 for ever. */
  readonly max_age?: number;
  readonly duplicate_window?: number;
  readonly discard?: "old" | "new";
  /** Publishes are not acknowledged. */
  readonly no_ack?: boolean;
  readonly persist_mode?: "default" | "async";
  readonly discard_new_per_subject?: boolean;
  readonly allow_atomic?: boolean;
  readonly allow_batched?: boolean;
  readonly allow_rollup_hdrs?: boolean;
  readonly allow_msg_ttl?: boolean;
  readonly allow_msg_counter?: boolean;
  readonly allow_msg_schedules?: boolean;
  readonly allow_direct?: boolean;
  readonly deny_delete?: boolean;
  readonly mirror?: object;
  readonly sources?: readonly object[];
  readonly sealed?: boolean;
  /** Caps on consumers; nanoseconds (2.10). */
  readonly consumer_limits?: { readonly max_ack_pending?: number; readonly inactive_threshold?: number };
  /** Rewrites subjects before they are stored (2.10). */
  readonly subject_transform?: { readonly src: string; readonly dest: string };
  /** Always there from 2.10 on. */
  readonly compression?: string;
  /** From 2.11 on with the server's own `_nats.level` and `_nats.ver`. */
  readonly metadata?: Readonly<Record<string, string>>;
}

export interface StreamState {
  readonly messages: number;
  readonly bytes: number;
  readonly first_seq: number;
  readonly last_seq: number;
  readonly num_deleted?: number;
  readonly num_subjects?: number;
  readonly consumer_count: number;
  /** RFC 3339, of the first and the last message. */
  readonly first_ts?: string;
  readonly last_ts?: string;
}

export interface StreamInfo {
  readonly config: StreamConfig;
  readonly state: StreamState;
  /** RFC 3339; changes when the stream is made anew. */
  readonly created: string;
  /** JetStream domain it is in; undefined for a server without one. */
  readonly domain?: string;
  /** Absent on a server that stands alone. */
  readonly cluster?: {
    readonly name?: string;
    readonly leader?: string;
    readonly replicas?: readonly { readonly name: string; readonly current: boolean; readonly offline?: boolean }[];
  };
  /** The server's time (2.10). */
  readonly ts?: string;
}

export interface SequencePair {
  readonly consumer_seq: number;
  readonly stream_seq: number;
}

export interface ConsumerInfo {
  readonly name: string;
  readonly config: ConsumerConfig;
  readonly created: string;
  readonly delivered: SequencePair;
  readonly ack_floor: SequencePair;
  readonly num_pending: number;
  readonly num_ack_pending: number;
  readonly num_waiting: number;
  /** Held back by an administrator, for so many nanoseconds (2.11). */
  readonly paused?: boolean;
  readonly pause_remaining?: number;
}

export interface StoredMessage {
  readonly subject: string;
  readonly seq: number;
  /** RFC 3339 with nanoseconds. */
  readonly time: string;
  readonly payload: Uint8Array;
  /** Raw header block (`NATS/1.0\r\n…`); empty without headers. */
  readonly headers: string;
}

export interface SubjectPage {
  readonly subjects: readonly string[];
  readonly total: number;
}

import { abortable } from "@x/connector-api";
import type { NatsClient } from "../nats-client.js";
import { type ApiErrorBody, fromApiError, fromClientError } from "../nats-errors.js";
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

const DEFAULT_PREFIX = "$JS.API";

export interface JetStreamApiOptions {
  readonly domain?: string | undefined;
  /** Default 5000. */
  readonly timeoutMs?: number | undefined;
  /** What the server has said when it refused a publish to this subject, for requests that it then leaves unanswered. */
  readonly denial?: ((subject: string) => unknown) | undefined;
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
  /** -1 for no limit; undefined where the account has limits per number of replicas. */
  readonly limits: AccountLimits | undefined;
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

const JS_NO_MESSAGE_FOUND = 10037;
const JS_CONSUMER_NOT_FOUND = 10014;
const JS_SEQUENCE_NOT_FOUND = 10043;
const DEFAULT_TIMEOUT_MS = 5000;

export function createJetStreamApi(client: NatsClient, options: JetStreamApiOptions = {}): JetStreamApi {
  const prefix = options.domain === undefined ? DEFAULT_PREFIX : `$JS.${options.domain}.API`;
  const timeout = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;

  /** The answer, or the error codes in `absent` as undefined. */
  const ask = async (
    verb: string,
    body: object | undefined,
    action: string,
    signal: AbortSignal | undefined,
    absent?: number,
  ): Promise<Answer | undefined> => {
    const subject = `${prefix}.${verb}`;
    const payload = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
    let answer: Answer;
    try {
      const message = await abortable(client.request(subject, payload, { timeout }), signal);
      answer = JSON.parse(Buffer.from(message.data).toString()) as Answer;
    } catch (error) {
      throw fromClientError(options.denial?.(`${DEFAULT_PREFIX}.${verb}`) ?? error, action, { subject });
    }
    if (answer.error === undefined) return answer;
    if (absent !== undefined && answer.error.err_code === absent) return undefined;
    throw fromApiError(answer.error, action, { subject });
  };
  const must = async <T>(verb: string, body: object | undefined, action: string, signal?: AbortSignal): Promise<T> =>
    (await ask(verb, body, action, signal)) as T;

  /** All pages of a list. */
  const list = async (
    verb: string,
    key: "streams" | "consumers",
    body: object,
    action: string,
    signal?: AbortSignal,
  ): Promise<readonly string[]> => {
    const names: string[] = [];
    for (;;) {
      const page = await must<NamePage>(verb, { ...body, offset: names.length }, action, signal);
      const found = page[key] ?? [];
      names.push(...found);
      if (found.length === 0 || names.length >= page.total) return names;
    }
  };

  return {
    prefix,
    async accountInfo(signal) {
      const info = await must<AccountAnswer>("INFO", undefined, "read the account's JetStream information", signal);
      const { domain, storage = 0, memory = 0, limits, tiers } = info;
      const tiered = tiers !== undefined && Object.keys(tiers).length > 0;
      return { level: Number(info.api?.level ?? 0), domain, storage, memory, limits: tiered ? undefined : limits };
    },
    streamInfo: (stream, signal) =>
      must<StreamInfo>(`STREAM.INFO.${stream}`, undefined, `read stream "${stream}"`, signal),
    async streamSubjects(stream, filter, offset, signal) {
      const body = { subjects_filter: filter, offset };
      const action = `read the subjects of stream "${stream}"`;
      const { state, total } = await must<SubjectAnswer>(`STREAM.INFO.${stream}`, body, action, signal);
      const subjects = Object.keys(state.subjects ?? {});
      return { subjects, total: total ?? subjects.length };
    },
    createStream: (config, signal) =>
      must<StreamInfo>(`STREAM.CREATE.${config.name}`, config, `create stream "${config.name}"`, signal),
    streamNames: (subject, signal) =>
      list("STREAM.NAMES", "streams", { subject }, `find the stream of subject "${subject}"`, signal),
    createConsumer: (stream, config, signal) =>
      must<ConsumerInfo>(
        createVerb(stream, config),
        { stream_name: stream, config, action: "create" },
        `create a consumer on stream "${stream}"`,
        signal,
      ),
    updateConsumer: (stream, config, signal) =>
      must<ConsumerInfo>(
        createVerb(stream, config),
        { stream_name: stream, config, action: "update" },
        `update consumer "${config.name}" of stream "${stream}"`,
        signal,
      ),
    async consumerInfo(stream, consumer, signal) {
      const verb = `CONSUMER.INFO.${stream}.${consumer}`;
      const action = `read consumer "${consumer}" of stream "${stream}"`;
      return (await ask(verb, undefined, action, signal, JS_CONSUMER_NOT_FOUND)) as ConsumerInfo | undefined;
    },
    consumerNames: (stream, signal) =>
      list(`CONSUMER.NAMES.${stream}`, "consumers", {}, `list the consumers of stream "${stream}"`, signal),
    async deleteConsumer(stream, consumer, signal) {
      const verb = `CONSUMER.DELETE.${stream}.${consumer}`;
      const action = `delete consumer "${consumer}" of stream "${stream}"`;
      return (await ask(verb, undefined, action, signal, JS_CONSUMER_NOT_FOUND)) !== undefined;
    },
    async purgeStream(stream, filter, signal) {
      await must(`STREAM.PURGE.${stream}`, { filter }, `purge "${filter}" from stream "${stream}"`, signal);
    },
    async getMessage(stream, query, signal) {
      const verb = `STREAM.MSG.GET.${stream}`;
      const action = `read a message of stream "${stream}"`;
      const answer = (await ask(verb, query, action, signal, JS_NO_MESSAGE_FOUND)) as MessageAnswer | undefined;
      if (answer === undefined) return undefined;
      const { subject, seq, time, data = "", hdrs = "" } = answer.message;
      const headers = Buffer.from(hdrs, "base64").toString("latin1");
      return { subject, seq, time, payload: Buffer.from(data, "base64"), headers };
    },
    async deleteMessage(stream, seq, signal) {
      const action = `remove message ${seq} of stream "${stream}"`;
      const body = { seq, no_erase: true };
      return (await ask(`STREAM.MSG.DELETE.${stream}`, body, action, signal, JS_SEQUENCE_NOT_FOUND)) !== undefined;
    },
  };
}

/** The filter is part of the subject, so that permissions can name it (ADR-15); several filters are in the body only. */
function createVerb(stream: string, config: NamedConsumerConfig): string {
  const verb = `CONSUMER.CREATE.${stream}.${config.name}`;
  return config.filter_subject === undefined ? verb : `${verb}.${config.filter_subject}`;
}

interface Answer {
  readonly error?: ApiErrorBody;
}
interface NamePage {
  readonly total: number;
  readonly streams?: readonly string[] | null;
  readonly consumers?: readonly string[] | null;
}
interface SubjectAnswer {
  readonly total?: number;
  readonly state: { readonly subjects?: Readonly<Record<string, number>> | null };
}
interface AccountAnswer {
  readonly domain?: string;
  readonly storage?: number;
  readonly memory?: number;
  readonly limits?: AccountLimits;
  readonly tiers?: object;
  readonly api?: { readonly level?: number | string };
}
interface MessageAnswer {
  readonly message: {
    readonly subject: string;
    readonly seq: number;
    readonly time: string;
    readonly data?: string;
    readonly hdrs?: string;
  };
}

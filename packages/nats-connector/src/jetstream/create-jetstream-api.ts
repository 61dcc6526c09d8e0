import { abortable } from "@x/connector-api";
import type { NatsClient } from "../nats-client.js";
import { type ApiErrorBody, fromApiError, fromClientError } from "../nats-errors.js";
import type { AccountLimits, ConsumerInfo, JetStreamApi, NamedConsumerConfig, StreamInfo } from "./api.js";

export interface JetStreamApiOptions {
  readonly domain?: string | undefined;
  /** Default 5000. */
  readonly timeoutMs?: number | undefined;
  /** What the server has said when it refused a publish to this subject, for requests that it then leaves unanswered. */
  readonly denial?: ((subject: string) => unknown) | undefined;
}

const DEFAULT_PREFIX = "$JS.API";
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
      const level = Number(info.api?.level ?? 0);
      return { level, domain, storage, memory, ...(tiered ? { limits: undefined, tiers } : { limits }) };
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
  readonly tiers?: Readonly<Record<string, { readonly limits: AccountLimits }>>;
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

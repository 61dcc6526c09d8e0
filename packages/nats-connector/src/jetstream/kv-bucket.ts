import { ConnectorError } from "@x/connector-api";
import type { OpenConnection } from "../connection.js";
import { type ApiErrorBody, fromApiError, fromClientError, isWrongLastSequence } from "../nats-errors.js";
import type { StoredMessage, StreamInfo } from "./api.js";

/** What a key holds, and the moment it held that. */
export interface KvEntry {
  /** Undefined for a key that never was, or was deleted. */
  readonly value: Uint8Array | undefined;
  /** The header that makes the server refuse a write when the key has changed since. */
  readonly unchanged: string;
}

/**
 * A KV bucket over raw requests (ADR-8): a stream `KV_<bucket>` with a message per key. Every call is one request to the
 * leader, rejects with a coded error, and is safe to repeat; nothing is retried here.
 */
export interface KvBucket {
  readonly stream: StreamInfo;
  get(key: string): Promise<KvEntry>;
  /** Keys that match; `*` is one token of a key. */
  keys(filter: string): Promise<readonly string[]>;
  put(key: string, value: Uint8Array): Promise<void>;
  /** Writes if the key still is what `entry` says. False when somebody was faster. */
  replace(key: string, entry: KvEntry, value: Uint8Array): Promise<boolean>;
  /** Removes a key without a trace. */
  purge(key: string): Promise<void>;
  /** Rejects with STREAM_NOT_FOUND when the bucket is gone. */
  check(): Promise<void>;
}

const ACK_TIMEOUT_MS = 5000;

export function streamOfBucket(bucket: string): string {
  return `KV_${bucket}`;
}

/** Nothing is asked: `stream` is what `streamInfo` said of the bucket. */
export function createKvBucket(bucket: string, stream: StreamInfo, link: OpenConnection): KvBucket {
  const { api, client } = link;
  const { name, num_replicas: replicas } = stream.config;
  const start = `$KV.${bucket}.`;
  // With a domain the API's prefix stands before it, and the server takes it off again.
  const target = link.domain === undefined ? start : `${api.prefix}.${start}`;

  const put = async (key: string, value: Uint8Array, condition?: string): Promise<void> => {
    const action = `write "${key}" to KV bucket "${bucket}"`;
    const headers = condition === undefined ? {} : { headers: encodedHeader(condition) };
    const message = await client
      .request(`${target}${key}`, value, { timeout: ACK_TIMEOUT_MS, ...headers })
      .catch((error: unknown) => {
        throw fromClientError(error, action, { bucket, key });
      });
    const ack = JSON.parse(Buffer.from(message.data).toString()) as { error?: ApiErrorBody; stream?: string };
    if (ack.error !== undefined) throw fromApiError(ack.error, action, { bucket, key });
    if (ack.stream === name) return;
    throw new ConnectorError("STREAM_MISMATCH", `stream "${ack.stream}" took what was for KV bucket "${bucket}"`);
  };

  return {
    stream,
    async get(key) {
      const last = () => api.getMessage(name, { last_by_subj: `${start}${key}` });
      const found = await last();
      if (found !== undefined) return entryOf(found);
      if (replicas === 1) return { value: undefined, unchanged: "Nats-Expected-Last-Subject-Sequence: 0" };
      // Before 2.10.19 one replica may store what the others refuse when no message is expected for a subject
      // (nats-server#5644): the stream as a whole must stand still instead, from before the key was looked for.
      const { state } = await api.streamInfo(name);
      const since = await last();
      if (since !== undefined) return entryOf(since);
      return { value: undefined, unchanged: `Nats-Expected-Last-Sequence: ${state.last_seq}` };
    },
    async keys(filter) {
      const keys: string[] = [];
      for (;;) {
        const page = await api.streamSubjects(name, `${start}${filter}`, keys.length);
        keys.push(...page.subjects.map((subject) => subject.slice(start.length)));
        if (page.subjects.length === 0 || keys.length >= page.total) return keys;
      }
    },
    put: (key, value) => put(key, value),
    async replace(key, entry, value) {
      try {
        await put(key, value, entry.unchanged);
        return true;
      } catch (error) {
        if (isWrongLastSequence(error)) return false;
        throw error;
      }
    },
    purge: (key) => api.purgeStream(name, `${start}${key}`),
    async check() {
      await api.streamInfo(name);
    },
  };
}

function entryOf({ headers, payload, seq }: StoredMessage): KvEntry {
  const deleted = /^KV-Operation: *(DEL|PURGE)\r$/m.test(headers);
  return { value: deleted ? undefined : payload, unchanged: `Nats-Expected-Last-Subject-Sequence: ${seq}` };
}

function encodedHeader(line: string): { encode(): Uint8Array } {
  const bytes = Buffer.from(`NATS/1.0\r\n${line}\r\n\r\n`);
  return { encode: () => bytes };
}

import { setTimeout as sleep } from "node:timers/promises";
import {
  type BadDataConfig,
  createCounters,
  defineSchema,
  type Encoder,
  type Logger,
  type OperatorContext,
  type RecordBatch,
  type Row,
  silentLogger,
} from "@x/connector-api";
import type { NatsServer } from "@x/nats-testkit";
import { connect, createInbox, type Msg, type NatsConnection } from "nats";
import type { OpenConnection } from "../../src/connection.ts";
import { openConnection } from "../../src/open-connection.ts";
import type { SinkSettings } from "../../src/sink/sink-operator.ts";
import type { CoreSinkTable, JetStreamSinkTable } from "../../src/table-config.ts";

export const schema = defineSchema({ id: "BIGINT NOT NULL", region: "TEXT", note: "TEXT" });

/** The plainest encoder: what these tests look at is everything but the format. */
export const jsonEncoder: Encoder = {
  encode: (row) => Buffer.from(JSON.stringify(row, (_key, value) => (typeof value === "bigint" ? `${value}` : value))),
};

export interface TestContext extends OperatorContext {
  readonly warnings: string[];
  stop(): void;
}

export function createContext(): TestContext {
  const abort = new AbortController();
  const warnings: string[] = [];
  const logger: Logger = { ...silentLogger, warn: (_facts, message) => void warnings.push(message) };
  return {
    identity: { pipeline: "test", jobId: "job", epoch: 1, instanceId: "instance" },
    signal: abort.signal,
    logger,
    counters: createCounters(),
    assertCurrent: async () => {},
    warnings,
    stop: () => abort.abort(),
  };
}

export function dialer(
  url: string,
  user?: { user: string; pass: string },
  domain?: string,
  connectTimeoutMs = 5000,
): (context: OperatorContext) => Promise<OpenConnection> {
  return (context) =>
    openConnection(
      {
        servers: [url],
        authenticator: user && (() => user),
        connectTimeoutMs,
        authRetryWindowMs: 60_000,
        inboxPrefix: "_INBOX",
        domain,
        name: "sink-test",
      },
      context,
    );
}

type Common = {
  url: string;
  badData?: BadDataConfig;
  encoder?: Encoder;
  user?: { user: string; pass: string };
  domain?: string;
  connectTimeoutMs?: number;
};

function settings<Table>(
  table: Table,
  { url, badData, encoder, user, domain, connectTimeoutMs = 5000 }: Common,
): SinkSettings<Table> {
  return {
    name: "out",
    table,
    schema,
    badData: badData ?? { behavior: "fail" },
    openEncoder: async () => encoder ?? jsonEncoder,
    connect: dialer(url, user, domain, connectTimeoutMs),
    connectTimeoutMs,
  };
}

export function jetStreamSettings(
  options: Common & Partial<Omit<JetStreamSinkTable, "type">>,
): SinkSettings<JetStreamSinkTable> {
  const { url: _url, badData: _badData, encoder: _encoder, user: _user, domain: _domain, ...table } = options;
  const defaults: JetStreamSinkTable = {
    type: "jetstream-sink",
    stream: "OUT",
    soleWriter: undefined,
    subject: "out.rows",
    headers: {},
    lineage: false,
    delivery: "at_least_once",
    maxInFlight: 4096,
    maxInFlightBytes: 16 * 1024 * 1024,
    ackTimeoutMs: 5000,
  };
  return settings({ ...defaults, ...table }, options);
}

export function coreSettings(options: Common & Partial<Omit<CoreSinkTable, "type">>): SinkSettings<CoreSinkTable> {
  const { url: _url, badData: _badData, encoder: _encoder, user: _user, domain: _domain, ...table } = options;
  const defaults: CoreSinkTable = {
    type: "core-sink",
    subject: "out.rows",
    headers: {},
    lineage: false,
    delivery: "at_least_once",
    maxInFlight: 4096,
    maxInFlightBytes: 16 * 1024 * 1024,
    countNoResponders: false,
  };
  return settings({ ...defaults, ...table }, options);
}

/** Rows `from` to `to`, both included. */
export function rowsOf(from: number, to: number): Row[] {
  return Array.from({ length: to - from + 1 }, (_, i) => ({ id: from + i, region: "eu", note: `n${from + i}` }));
}

export function batchOf(rows: Row[]): RecordBatch {
  return { rows, split: "0", positions: rows.map((_, i) => i), end: rows.length };
}

/** A client of the test's own, to look at the server with. */
export interface Observer extends AsyncDisposable {
  readonly client: NatsConnection;
  api(verb: string, body?: object): Promise<Record<string, unknown>>;
  createStream(config: object): Promise<void>;
  stateOf(stream: string): Promise<{ messages: number; last_seq: number }>;
  /** The `id` of every stored message, in order of the stream. */
  idsOf(stream: string): Promise<number[]>;
  /** Every stored message, in order of the stream. */
  messagesOf(stream: string): Promise<Msg[]>;
}

export async function observe(url: string, user?: { user: string; pass: string }): Promise<Observer> {
  const client = await connect({ servers: url, maxReconnectAttempts: -1, reconnectTimeWait: 100, ...user });
  /** A request that is sent while a killed server comes back is lost: ask until it answers. */
  const ready = async (): Promise<void> => {
    for (let attempt = 1; ; attempt++) {
      try {
        await client.request("$JS.API.INFO", undefined, { timeout: 500 });
        return;
      } catch (error) {
        if (attempt === 20) throw error;
        await sleep(50);
      }
    }
  };
  const api = async (verb: string, body?: object): Promise<Record<string, unknown>> => {
    const payload = body === undefined ? undefined : JSON.stringify(body);
    const ask = async (timeout: number): Promise<Msg> => {
      await ready();
      return client.request(`$JS.API.${verb}`, payload, { timeout });
    };
    const askAgain = async (attempts: number): Promise<Msg> => {
      const answer = ask(1000);
      return attempts === 1 ? answer : answer.catch(() => askAgain(attempts - 1));
    };
    // A server that came back a moment ago answers for itself before it answers for its streams.
    const answer = await (verb.startsWith("STREAM.INFO.") ? askAgain(20) : ask(5000));
    const value = answer.json<Record<string, unknown> & { error?: { err_code: number; description: string } }>();
    if (value.error === undefined) return value;
    throw Object.assign(new Error(`${verb}: ${value.error.description}`), { errCode: value.error.err_code });
  };
  return {
    client,
    api,
    async createStream(config) {
      const stream = config as { name: string };
      const create = (attempts = 100): Promise<Record<string, unknown>> =>
        api(`STREAM.CREATE.${stream.name}`, { subjects: ["out.>"], storage: "file", ...config }).catch(
          async (error: { errCode?: number }) => {
            // No suitable peers: a meta leader just elected may have heard of some nodes only.
            if (error.errCode !== 10005 || attempts === 1) throw error;
            await sleep(300);
            return create(attempts - 1);
          },
        );
      // A busy server removes a deleted stream's store behind its answer, and one made at once may find it again.
      const foundAgain = ({ did_create, state }: Record<string, unknown>): boolean =>
        did_create === true && (state as { last_seq: number }).last_seq > 0;
      while (foundAgain(await create())) await api(`STREAM.DELETE.${stream.name}`);
    },
    async stateOf(stream) {
      const info = await api(`STREAM.INFO.${stream}`);
      return info.state as { messages: number; last_seq: number };
    },
    async idsOf(stream) {
      const stored = await readStream(client, api, stream);
      return stored.map((message) => message.json<{ id: number }>().id);
    },
    messagesOf: (stream) => readStream(client, api, stream),
    [Symbol.asyncDispose]: () => client.close(),
  };
}

/**
 * All there is, by one pull of a consumer of its own. Not by the client's `consume`: after a server has been killed it
 * may wait for half a minute before it reads on.
 */
async function readStream(client: NatsConnection, api: Observer["api"], stream: string): Promise<Msg[]> {
  await api(`STREAM.INFO.${stream}`);
  const config = { ack_policy: "none", deliver_policy: "all", inactive_threshold: 60e9, mem_storage: true };
  const { name, num_pending } = await api(`CONSUMER.CREATE.${stream}`, { stream_name: stream, config });
  const batch = Number(num_pending);
  const found: Msg[] = [];
  if (batch === 0) return found;
  const inbox = createInbox();
  const pull = client.subscribe(inbox);
  const request = JSON.stringify({ batch, expires: 30e9 });
  client.publish(`$JS.API.CONSUMER.MSG.NEXT.${stream}.${name}`, request, { reply: inbox });
  for await (const message of pull) {
    if (message.headers?.status !== undefined && message.headers.code >= 400) throw new Error(message.headers.status);
    if (found.push(message) === batch) break;
  }
  pull.unsubscribe();
  return found;
}

/** First occurrences, in order. */
export function firstsOf(ids: readonly number[]): number[] {
  return [...new Set(ids)];
}

/** Starts a killed server again, also when somebody else tries its port in this very moment. */
export async function revive(server: NatsServer): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await server.restart();
    } catch (error) {
      if (attempt === 5) throw error;
      await sleep(200);
    }
  }
}

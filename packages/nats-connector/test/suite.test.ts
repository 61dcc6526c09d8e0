import { randomUUID } from "node:crypto";
import { defineSchema } from "@x/connector-api";
import { describeConnector, type SuiteRow } from "@x/connector-api/testing";
import { findFreePort, type NatsServer, startNatsServer } from "@x/nats-testkit";
import { connect, type JetStreamManager, type NatsConnection, RetentionPolicy, type StreamConfig } from "nats";
import { afterAll, beforeAll } from "vitest";
import { natsConnector } from "../src/index.js";

// The published suite on a real server. Input is made and output is read by a client of the tests' own.
let server: NatsServer;
let outside: NatsConnection;
let manager: JetStreamManager;

beforeAll(async () => {
  server = await startNatsServer();
  outside = await connect({ servers: server.url });
  manager = await outside.jetstreamManager();
});

afterAll(async () => {
  await outside.close();
  await server[Symbol.asyncDispose]();
});

const payloadOf = (row: SuiteRow): Uint8Array => new TextEncoder().encode(JSON.stringify(row));

/** Small pulls: what was asked for before downstream was full stays far below what the suite sends. */
const pulling = { consumer: { maxBatch: 100 }, format: "json" };

const nameStream = (): string => `S${randomUUID().replaceAll("-", "")}`;

async function addStream(config: Partial<StreamConfig> = {}) {
  const name = nameStream();
  const subject = `${name}.rows`;
  await manager.streams.add({ name, subjects: [subject], ...config });
  return { name, subject };
}

/** A stream for dead letters beside a subject below it that nobody hears. */
async function openLetters(): Promise<string> {
  return (await addStream()).subject;
}

async function openStream(retention: RetentionPolicy, options: object) {
  const { name, subject } = await addStream({ retention });
  const publish = async (payloads: readonly Uint8Array[]): Promise<void> => {
    const js = outside.jetstream();
    for (let i = 0; i < payloads.length; i += 500) {
      await Promise.all(payloads.slice(i, i + 500).map((payload) => js.publish(subject, payload)));
    }
  };
  let published = 0;
  return {
    options: { servers: server.url, stream: name, ...pulling, ...options },
    append: async (rows: readonly SuiteRow[]) => {
      published += rows.length;
      await publish(rows.map(payloadOf));
    },
    appendBad: () => publish([new TextEncoder().encode("no row")]),
    openLetters,
    // A work queue forgets what is acknowledged.
    acked: async () => published - (await manager.streams.info(name)).state.messages,
    [Symbol.asyncDispose]: async () => void (await manager.streams.delete(name)),
  };
}

async function openSubject() {
  const subject = `core.${randomUUID()}`;
  const publish = async (payloads: readonly Uint8Array[]): Promise<void> => {
    for (const payload of payloads) outside.publish(subject, payload);
    await outside.flush();
  };
  return {
    options: { servers: server.url, subject, format: "json" },
    append: (rows: readonly SuiteRow[]) => publish(rows.map(payloadOf)),
    appendBad: () => publish([new TextEncoder().encode("no row")]),
    openLetters,
  };
}

function streamSink(name: string, subject: string, more: object = {}) {
  return {
    options: { servers: server.url, stream: name, subject, format: "json", ...more },
    // Past what is kept beside the rows: the position of an exactly-once sink.
    read: async () => {
      const { messages } = (await manager.streams.info(name)).state;
      const rows: SuiteRow[] = [];
      if (messages === 0) return rows;
      const consumer = await outside.jetstream().consumers.get(name);
      for await (const message of await consumer.fetch({ max_messages: messages, expires: 5000 })) {
        if (message.subject === subject) rows.push(message.json<SuiteRow>());
      }
      return rows;
    },
    [Symbol.asyncDispose]: async () => void (await manager.streams.delete(name)),
  };
}

async function openStreamSink() {
  const { name, subject } = await addStream();
  return streamSink(name, subject);
}

async function openExactSink() {
  const name = nameStream();
  // `allow_atomic` is newer than the client's types.
  const config = { name, subjects: [`${name}.>`], allow_atomic: true };
  await manager.streams.add(config as Partial<StreamConfig> & { name: string });
  return streamSink(name, `${name}.rows`, { delivery: "exactly_once" });
}

async function openMissingSink(more: object = {}) {
  const name = nameStream();
  return streamSink(name, `${name}.rows`, more);
}

async function openSubjectSink() {
  const subject = `core.${randomUUID()}`;
  const rows: SuiteRow[] = [];
  const listening = outside.subscribe(subject, { callback: (_error, message) => void rows.push(message.json()) });
  await outside.flush();
  return {
    options: { servers: server.url, subject, format: "json" },
    // What the server had before this question has come when its answer has.
    read: async () => {
      await outside.flush();
      return [...rows];
    },
    [Symbol.asyncDispose]: async () => listening.unsubscribe(),
  };
}

/** A server of its own with a password, for a table that cannot work there. */
async function openGuarded(table: object) {
  const guarded = await startNatsServer({ config: `authorization { user: app, password: "${password}" }` });
  return {
    type: "source" as const,
    options: { servers: guarded.url, format: "json", ...table },
    schema: columns,
    secrets: [password, "guessed-wrong"],
    [Symbol.asyncDispose]: () => guarded[Symbol.asyncDispose](),
  };
}

const password = "s3cret-of-the-suite";
const credentials = { type: "credentials", username: "app", password: "{{ PASSWORD }}" };
const columns = defineSchema({ id: "BIGINT NOT NULL", note: "TEXT" });

describeConnector("nats", {
  connector: natsConnector({ environment: { PASSWORD: password } }),
  environment: { PASSWORD: password },
  tables: (
    [
      ["source", { stream: "ORDERS" }],
      ["source", { subject: "orders.>" }],
      ["sink", { stream: "BILLS", subject: "bills.{id}" }],
      ["sink", { subject: "bills.{id}" }],
    ] as const
  ).map(([type, table]) => ({
    type,
    options: { servers: "nats.example", auth: credentials, format: "json", ...table },
    schema: columns,
    secrets: [password],
  })),
  brokenTables: {
    "a stream that is not there": () => openGuarded({ stream: "NONE", auth: credentials }),
    "a wrong password": () => openGuarded({ stream: "NONE", auth: { ...credentials, password: "guessed-wrong" } }),
    "an address where nobody is": async () => ({
      ...{ type: "sink", schema: columns },
      options: { servers: `127.0.0.1:${await findFreePort()}`, subject: "bills.{id}", format: "json" },
    }),
  },
  sources: {
    "a stream": () => openStream(RetentionPolicy.Limits, {}),
    "a work queue": () => openStream(RetentionPolicy.Workqueue, { consumer: { maxBatch: 100, ackPolicy: "explicit" } }),
    "a Core subject": openSubject,
  },
  sinks: { "a stream": openStreamSink, "a stream, exactly once": openExactSink, "a Core subject": openSubjectSink },
  missingSinks: {
    "a stream that is not there": openMissingSink,
    "the same, exactly once": () => openMissingSink({ delivery: "exactly_once" }),
  },
  checkpoints: async () => ({ type: "sink", options: { servers: server.url, subject: "any", format: "json" } }),
});

import { setTimeout as sleep } from "node:timers/promises";
import {
  type ConnectionOptions,
  connect,
  createInbox,
  type JsMsg,
  type NatsConnection,
  NatsError,
  type StreamConfig,
} from "nats";

/** Streams of a test server, by a client that is independent of the code under test. */
export interface Streams extends AsyncDisposable {
  readonly connection: NatsConnection;
  add(name: string, subject: string, config?: Partial<StreamConfig>): Promise<void>;
  /** Publishes JSON rows, each acknowledged. */
  fill(subject: string, rows: readonly object[]): Promise<void>;
  count(name: string): Promise<number>;
  /** Every message of a stream, parsed, in order. */
  rows<Row>(name: string): Promise<Row[]>;
  consumers(name: string): Promise<string[]>;
}

const IN_FLIGHT = 1000;
/** Nodes tell each other every ten seconds what they have. */
const SETTLING_MS = 30_000;
/** Longer than any election: who is sent nothing for so long will not be sent anything more. */
const SILENCE_MS = 60_000;

export async function openStreams(servers: string, auth: Partial<ConnectionOptions> = {}): Promise<Streams> {
  const connection = await connect({ servers, ...auth });
  const manager = await connection.jetstreamManager();
  const count = async (name: string): Promise<number> => (await manager.streams.info(name)).state.messages;
  return {
    connection,
    async add(name, subject, config = {}) {
      await addStream(connection, { ...config, name, subjects: [subject] });
    },
    async fill(subject, rows) {
      const encoder = new TextEncoder();
      const inbox = createInbox();
      let refused: string | undefined;
      let acknowledged = 0;
      let wake = (): void => {};
      const acks = connection.subscribe(inbox, {
        callback: (error, message) => {
          const ack = error === null ? message.json<{ error?: { description: string } }>() : undefined;
          refused ??= error?.message ?? ack?.error?.description;
          acknowledged += 1;
          if (acknowledged % IN_FLIGHT === 0 || acknowledged === rows.length || refused !== undefined) wake();
        },
      });
      for (let i = 0; i < rows.length && refused === undefined; i += IN_FLIGHT) {
        const chunk = rows.slice(i, i + IN_FLIGHT);
        const answered = new Promise<void>((resolve) => {
          wake = resolve;
        });
        for (const row of chunk) connection.publish(subject, encoder.encode(JSON.stringify(row)), { reply: inbox });
        await answered;
      }
      acks.unsubscribe();
      if (refused !== undefined) throw new Error(`publish to ${subject}: ${refused}`);
    },
    count,
    async rows<Row>(name: string) {
      const found: Row[] = [];
      for await (const message of readStream(connection, name)) found.push(message.json<Row>());
      return found;
    },
    async consumers(name) {
      const names: string[] = [];
      for await (const consumer of manager.consumers.list(name)) names.push(consumer.name);
      return names;
    },
    [Symbol.asyncDispose]: () => connection.close(),
  };
}

/** Adds a stream, again while a cluster settles: a meta leader just elected may have heard of some nodes only. */
export async function addStream(
  connection: NatsConnection,
  config: Partial<StreamConfig> & { readonly name: string },
): Promise<void> {
  const deadline = Date.now() + SETTLING_MS;
  for (;;) {
    try {
      const manager = await connection.jetstreamManager();
      await manager.streams.add(config);
      return;
    } catch (error) {
      if (!isSettling(error) || Date.now() > deadline) throw error;
      await sleep(200);
    }
  }
}

/** `no suitable peers for placement`, or nobody who answers at all. */
function isSettling(error: unknown): boolean {
  if (!(error instanceof NatsError)) return false;
  return error.api_error?.err_code === 10005 || error.code === "503" || error.code === "TIMEOUT";
}

/** Every message that a stream has now, in order. Throws when they stop coming. */
export async function* readStream(connection: NatsConnection, name: string): AsyncGenerator<JsMsg, void> {
  const manager = await connection.jetstreamManager();
  const { messages: total } = (await manager.streams.info(name)).state;
  if (total === 0) return;
  const consumer = await connection.jetstream().consumers.get(name);
  const messages = await consumer.consume({ max_messages: 5000 });
  const silence = setTimeout(() => messages.stop(), SILENCE_MS);
  let seen = 0;
  try {
    for await (const message of messages) {
      silence.refresh();
      seen += 1;
      yield message;
      if (seen === total) return;
    }
  } finally {
    clearTimeout(silence);
  }
  throw new Error(`${name}: ${SILENCE_MS} ms without a message after ${seen}, expected ${total}`);
}

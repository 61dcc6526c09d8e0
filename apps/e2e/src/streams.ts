import { type ConnectionOptions, connect, createInbox, type NatsConnection, type StreamConfig } from "nats";

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

export async function openStreams(servers: string, auth: Partial<ConnectionOptions> = {}): Promise<Streams> {
  const connection = await connect({ servers, ...auth });
  const manager = await connection.jetstreamManager();
  const jetstream = connection.jetstream();
  const count = async (name: string): Promise<number> => (await manager.streams.info(name)).state.messages;
  return {
    connection,
    async add(name, subject, config = {}) {
      await manager.streams.add({ ...config, name, subjects: [subject] });
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
      const total = await count(name);
      if (total === 0) return found;
      const consumer = await jetstream.consumers.get(name);
      for await (const message of await consumer.consume({ max_messages: 5000 })) {
        found.push(message.json<Row>());
        if (found.length === total) break;
      }
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

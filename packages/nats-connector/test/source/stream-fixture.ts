import { type NatsServer, startNatsServer } from "@x/nats-testkit";
import { connect, type JetStreamManager, type NatsConnection, type StreamConfig, type StreamInfo } from "nats";
import { afterAll, beforeAll } from "vitest";

/** One server for a test file, and a plain client beside the one under test. */
export interface StreamFixture {
  readonly server: NatsServer;
  readonly client: NatsConnection;
  readonly jsm: JetStreamManager;
  /** Makes stream S on subjects `S.>` and publishes "1", "2" … "count" to `S.k0`, `S.k1`, `S.k2` in turn. */
  fill(stream: string, count: number, config?: Partial<StreamConfig>): Promise<void>;
  /** Deletes the stream and makes another one under its name. */
  refill(stream: string, count: number, config?: Partial<StreamConfig>): Promise<void>;
  publish(stream: string, from: number, to: number): Promise<void>;
}

export function withStreams(): StreamFixture {
  let server: NatsServer;
  let client: NatsConnection;
  let jsm: JetStreamManager;
  beforeAll(async () => {
    server = await startNatsServer();
    // A dial that meets a server which is just killed would wait for the client's own 20 s.
    client = await connect({ servers: server.url, maxReconnectAttempts: -1, reconnectTimeWait: 100, timeout: 2000 });
    jsm = await client.jetstreamManager();
  });
  afterAll(async () => {
    await client?.close();
    await server?.[Symbol.asyncDispose]();
  });
  const publish = async (stream: string, from: number, to: number): Promise<void> => {
    const js = client.jetstream();
    for (let at = from; at <= to; at += 500) {
      const count = Math.min(to, at + 499) - at + 1;
      await Promise.all(
        Array.from({ length: count }, (_, i) => js.publish(`${stream}.k${(at + i - 1) % 3}`, String(at + i))),
      );
    }
  };
  const add = (stream: string, config: Partial<StreamConfig>): Promise<StreamInfo> =>
    jsm.streams.add({ name: stream, subjects: [`${stream}.>`], ...config });
  return {
    get server() {
      return server;
    },
    get client() {
      return client;
    },
    get jsm() {
      return jsm;
    },
    async fill(stream, count, config = {}) {
      // A test before may have killed the server: what is asked off line is lost, and a flush waits.
      await client.flush();
      await add(stream, config);
      await publish(stream, 1, count);
    },
    async refill(stream, count, config = {}) {
      // A busy server removes the store behind its answer, and a stream made at once may find its messages again.
      do await jsm.streams.delete(stream);
      while ((await add(stream, config)).state.last_seq > 0);
      await publish(stream, 1, count);
    },
    publish,
  };
}

export const range = (from: number, to: number): string[] =>
  Array.from({ length: to - from + 1 }, (_, i) => String(from + i));

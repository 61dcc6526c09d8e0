import { setTimeout as sleep } from "node:timers/promises";
import { connect, headers, type NatsConnection, type StreamConfig } from "nats";
import { addStream } from "./streams.js";

/** A publisher that outlives whatever is done to the servers. */
export interface SteadyLoad {
  /** Publishes no more, waits until all is stored and resolves with the stream's last sequence. */
  stop(): Promise<number>;
}

const CHUNK = 100;

/** Publishes `{ n }` over and over, a chunk every few milliseconds, each chunk until all of it is stored once. */
export function startSteadyLoad(connection: NatsConnection, stream: string, subject: string, pauseMs = 20): SteadyLoad {
  const jetstream = connection.jetstream({ timeout: 3_000 });
  const encoder = new TextEncoder();
  let stopping = false;
  const storeOnce = async (n: number): Promise<void> => {
    const unique = headers();
    unique.set("Nats-Msg-Id", String(n));
    for (;;) {
      try {
        await jetstream.publish(subject, encoder.encode(`{"n":${n}}`), { headers: unique });
        return;
      } catch {
        await sleep(100);
      }
    }
  };
  const done = (async () => {
    for (let from = 1; !stopping; from += CHUNK) {
      await Promise.all(Array.from({ length: CHUNK }, (_, i) => storeOnce(from + i)));
      await sleep(pauseMs);
    }
  })();
  return {
    async stop() {
      stopping = true;
      await done;
      const manager = await connection.jetstreamManager();
      return (await manager.streams.info(stream)).state.last_seq;
    },
  };
}

/** A client for a test, which never gives up and knows only these servers. */
export function connectForGood(servers: readonly string[]): Promise<NatsConnection> {
  return connect({
    servers: [...servers],
    ignoreClusterUpdates: true,
    maxReconnectAttempts: -1,
    reconnectTimeWait: 100,
    pingInterval: 2_000,
    timeout: 5_000,
  });
}

/** Adds a stream on three nodes. */
export function addReplicated(
  connection: NatsConnection,
  config: Partial<StreamConfig> & { readonly name: string },
): Promise<void> {
  return addStream(connection, { ...config, num_replicas: 3 });
}

import { AckPolicy, connect } from "nats";
import type { Session } from "./session.js";

/** `nats` 2, the client that the connector is built on. */
export async function openSession(servers: string): Promise<Session> {
  const connection = await connect({ servers });
  const js = connection.jetstream();
  const { consumers } = await js.jetstreamManager();
  return {
    js,
    async openConsumer(stream, name) {
      await consumers.add(stream, { durable_name: name, ack_policy: AckPolicy.Explicit, max_ack_pending: 50_000 });
      return js.consumers.get(stream, name);
    },
    deleteConsumer: async (stream, name) => void (await consumers.delete(stream, name)),
    close: () => connection.close(),
  };
}

import { AckPolicy, jetstream } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import type { Session } from "./session.js";

/** `@nats-io/*` 3, the same client in its newer packages. */
export async function openSession(servers: string): Promise<Session> {
  const connection = await connect({ servers });
  const js = jetstream(connection);
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

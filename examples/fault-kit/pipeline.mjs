import { AckPolicy } from "nats";

/**
 * Copies the stream IN to the subject out.rows, message by message: an input is acknowledged when its output is stored.
 * Runs until the connection is closed.
 * @param {import("nats").NatsConnection} connection
 */
export async function runPipeline(connection) {
  const jetstream = connection.jetstream({ timeout: 1_000 });
  const manager = await connection.jetstreamManager();
  await manager.consumers.add("IN", { durable_name: "copy", ack_policy: AckPolicy.Explicit, ack_wait: 2_000_000_000 });
  const consumer = await jetstream.consumers.get("IN", "copy");
  while (!connection.isClosed()) {
    try {
      for await (const message of await consumer.fetch({ max_messages: 50, expires: 1_000 })) {
        // The same input has the same id, so that the server drops what is written again.
        await jetstream.publish("out.rows", message.data, { msgID: String(message.seq) });
        message.ack();
      }
    } catch {
      // The server is away: what was not acknowledged comes again.
    }
  }
}

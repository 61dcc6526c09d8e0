import { createInvariantChecker, type InvariantReport } from "@x/nats-testkit";
import type { NatsConnection } from "nats";

/**
 * Reads a stream of rows `{ seq }`, where `seq` is the sequence of the input each comes from, and holds it against the
 * input, which ends at `last`.
 */
export async function checkOutput(connection: NatsConnection, stream: string, last: number): Promise<InvariantReport> {
  const checker = createInvariantChecker({ last });
  const manager = await connection.jetstreamManager();
  const { messages } = (await manager.streams.info(stream)).state;
  if (messages === 0) return checker.report();
  const consumer = await connection.jetstream().consumers.get(stream);
  let seen = 0;
  for await (const message of await consumer.consume({ max_messages: 1_000 })) {
    seen += 1;
    // A stream may hold what is no row, such as the progress of an exactly-once sink.
    if (!message.subject.includes("__progress")) checker.see(message.json<{ seq: number }>().seq);
    if (seen === messages) break;
  }
  return checker.report();
}

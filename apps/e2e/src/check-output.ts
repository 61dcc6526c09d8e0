import { createInvariantChecker, type InvariantReport } from "@x/nats-testkit";
import type { NatsConnection } from "nats";
import { readStream } from "./streams.js";

/**
 * Reads a stream of rows `{ seq }`, where `seq` is the sequence of the input each comes from, and holds it against the
 * input, which ends at `last`.
 */
export async function checkOutput(connection: NatsConnection, stream: string, last: number): Promise<InvariantReport> {
  const checker = createInvariantChecker({ last });
  for await (const message of readStream(connection, stream)) {
    // A stream may hold what is no row, such as the progress of an exactly-once sink.
    if (!message.subject.includes("__progress")) checker.see(message.json<{ seq: number }>().seq);
  }
  return checker.report();
}

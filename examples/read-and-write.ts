// Flights more than an hour late, from one stream into another: late-flights.sql in TypeScript.
import { defineSchema } from "@x/connector-api";
import { fileCheckpoints } from "@x/connector-api/node";
import { openSink, openSource } from "@x/nats-connector";

const { NATS_URL: servers = "nats://127.0.0.1:4222", STATE_DIR = "./state" } = process.env;
const schema = defineSchema({ delay: "INT", distance: "INT" });
const checkpoints = fileCheckpoints(STATE_DIR);
const common = { servers, format: "json", schema, name: "late-flights" };

await using source = await openSource({ ...common, stream: "FLIGHTS", checkpoints, untilCaughtUp: true });
await using sink = await openSink({ ...common, stream: "LATE", subject: "late.flights" });
for await (const batch of source.batches({ maxRows: 5000 })) {
  await sink.write(batch.rows.filter(({ delay }) => delay !== null && delay > 60));
  await sink.flush(); // the server has them: now the batch is done with
  await batch.commit();
}

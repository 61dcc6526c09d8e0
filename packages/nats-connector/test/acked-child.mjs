// Reads and commits until it is killed. A line says what is read before it is committed, another one that it is.
import { appendFileSync } from "node:fs";
import { defineSchema } from "@x/connector-api";
import { openSource } from "../dist/index.js";

const [, , servers, stream, file] = process.argv;
const schema = defineSchema({ id: "BIGINT NOT NULL" });
const source = await openSource({ servers, stream, format: "json", schema, name: "billing" });
for await (const batch of source.batches({ maxRows: 10, maxWaitMs: 1000 })) {
  const range = `${batch.rows[0].id} ${batch.rows.at(-1).id}`;
  appendFileSync(file, `read ${range}\n`);
  await batch.commit();
  appendFileSync(file, `committed ${range}\n`);
}

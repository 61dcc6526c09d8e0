import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Row } from "@x/connector-api";
import { fileCheckpoints } from "@x/connector-api/node";
import { openSink, openSource } from "@x/nats-connector";
import { type OpenEntrant, streams } from "../contest/entrant.js";
import { payload } from "../flights.js";

const COMMIT_MS = 1000;

/** The late flights, filtered by a line of TypeScript between `openSource` and `openSink`; committed each second. */
export const ourPipelineByHand: OpenEntrant = async ({ servers, count, format, payload: name }) => {
  const folder = mkdtempSync(join(tmpdir(), "nats-bench-"));
  const { schema } = payload(name);
  const { name: stream, subject } = streams.output;
  return {
    prepare: async (turn) => async () => {
      const checkpoints = fileCheckpoints(join(folder, `state-${turn}`));
      const from = { servers, stream: streams.input.name, format, schema, name: "bench", checkpoints };
      await using source = await openSource<Row>(from);
      await using sink = await openSink<Row>({ servers, stream, subject, format, schema });
      let seen = 0;
      let committedAt = performance.now();
      for await (const batch of source.batches()) {
        await sink.write(batch.rows.filter((row) => (row.delay as number) > 60));
        seen += batch.rows.length;
        if (seen < count && performance.now() - committedAt < COMMIT_MS) continue;
        await sink.flush();
        await batch.commit();
        committedAt = performance.now();
        if (seen === count) return;
      }
    },
    close: async () => rmSync(folder, { recursive: true, force: true }),
  };
};

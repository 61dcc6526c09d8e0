import type { Row } from "@x/connector-api";
import { openSink } from "@x/nats-connector";
import { type OpenEntrant, streams } from "../contest/entrant.js";
import { formatOptions } from "../encoded.js";
import { payload } from "../flights.js";
import { nested } from "./source.js";

const ROWS_PER_WRITE = 1000;

/** `openSink`, as the README shows it. */
export const ourSink: OpenEntrant = async ({ servers, count, format, payload: name }) => {
  const data = payload(name);
  const { name: stream, subject } = streams.output;
  const options = { ...nested(formatOptions(format, data)), servers, stream, subject, format, schema: data.schema };
  let last: Awaited<ReturnType<typeof openSink>> | undefined;
  return {
    async prepare() {
      await last?.close();
      const sink = await openSink<Row>(options);
      last = sink as unknown as typeof last;
      const writes = batches(data.rows, count);
      return async () => {
        for (const rows of writes) await sink.write(rows);
        await sink.flush();
      };
    },
    close: async () => last?.close(),
  };
};

function batches(rows: readonly Row[], count: number): (readonly Row[])[] {
  const all = Array.from({ length: count }, (_, i) => rows[i % rows.length] as Row);
  return Array.from({ length: Math.ceil(count / ROWS_PER_WRITE) }, (_, i) =>
    all.slice(i * ROWS_PER_WRITE, (i + 1) * ROWS_PER_WRITE),
  );
}

import type { Row } from "@x/connector-api";
import { openSink } from "@x/nats-connector";
import { type OpenEntrant, streams } from "../contest/entrant.js";
import { formatOptions } from "../encoded.js";
import { payload, rowsOf } from "../flights.js";
import { nested } from "./source.js";

const ROWS_PER_WRITE = 1000;

/** `openSink`, as the README shows it. */
export const ourSink: OpenEntrant = async (job) => {
  const { servers, format } = job;
  const data = payload(job.payload);
  const { name: stream, subject } = streams.output;
  const options = {
    ...nested(formatOptions(format, data)),
    ...{ servers, stream, subject, format, schema: data.schema },
    ...(job.messageId === true && { messageId: "{sent}" }),
  };
  const writes = batches(rowsOf(job));
  let last: Awaited<ReturnType<typeof openSink>> | undefined;
  return {
    async prepare() {
      await last?.close();
      const sink = await openSink<Row>(options);
      last = sink as unknown as typeof last;
      return async () => {
        for (const rows of writes) await sink.write(rows);
        await sink.flush();
      };
    },
    close: async () => last?.close(),
  };
};

function batches(rows: readonly Row[]): (readonly Row[])[] {
  return Array.from({ length: Math.ceil(rows.length / ROWS_PER_WRITE) }, (_, i) =>
    rows.slice(i * ROWS_PER_WRITE, (i + 1) * ROWS_PER_WRITE),
  );
}

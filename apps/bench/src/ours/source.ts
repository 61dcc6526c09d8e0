import { type ConnectionSchema, defineSchema, memoryCheckpoints } from "@x/connector-api";
import { openSource } from "@x/nats-connector";
import { type OpenEntrant, streams } from "../contest/entrant.js";
import { formatOptions } from "../encoded.js";
import { payload } from "../flights.js";

/** `openSource`, as the README shows it: every batch is committed. */
export const ourSource: OpenEntrant = async ({ servers, count, format, payload: name }) => {
  const data = payload(name);
  const schema = format.startsWith("raw_") ? rawSchema(format) : data.schema;
  const options = nested(formatOptions(format, data));
  const open = () =>
    openSource({
      ...options,
      servers,
      stream: streams.input.name,
      format,
      schema,
      name: "bench",
      checkpoints: memoryCheckpoints(),
    });
  let last: Awaited<ReturnType<typeof open>> | undefined;
  return {
    async prepare() {
      await last?.close();
      const source = await open();
      last = source;
      return async () => {
        let seen = 0;
        for await (const batch of source.batches()) {
          seen += batch.rows.length;
          await batch.commit();
          if (seen === count) return;
        }
      };
    },
    close: async () => last?.close(),
  };
};

function rawSchema(format: string): ConnectionSchema {
  return format === "raw_bytes" ? defineSchema({ value: "BYTEA NOT NULL" }) : defineSchema({ value: "TEXT NOT NULL" });
}

/** `proto.message_name` → `{ proto: { messageName } }`, as the direct API takes options. */
export function nested(options: Readonly<Record<string, string>>): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const [option, value] of Object.entries(options)) {
    const [head = "", tail] = option
      .split(".")
      .map((part) => part.replaceAll(/_(.)/g, (_, c: string) => c.toUpperCase()));
    if (tail === undefined) result[head] = value;
    else result[head] = { ...(result[head] as object), [tail]: value === "true" ? true : value };
  }
  return result;
}

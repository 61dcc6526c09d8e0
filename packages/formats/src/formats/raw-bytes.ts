import { type ConnectionSchema, type Format, kindOf } from "@x/connector-api";
import { badColumn } from "../bad-value.js";
import { createCopier } from "../copied-bytes.js";
import { parseNoOptions } from "../format-options.js";
import { valueColumn } from "../value-column.js";

const column = (schema: ConnectionSchema) => valueColumn(schema, "raw_bytes", { bytes: "BYTEA" });

/** A payload as the BYTEA column `value`. Copied both ways: rows outlive payloads, and payloads outlive rows. */
export const rawBytes = {
  name: "raw_bytes",
  text: false,
  fromOptions: () => ({}),
  parse: (value) => parseNoOptions(value, "raw_bytes"),
  checkSchema: (schema) => void column(schema),
  async openDecoder(_options, { schema }) {
    column(schema);
    const copy = createCopier();
    return {
      decode(payload, rows) {
        rows.push({ value: copy(payload) });
      },
    };
  },
  async openEncoder(_options, { schema }) {
    column(schema);
    const copy = createCopier();
    return {
      encode({ value }) {
        if (!(value instanceof Uint8Array)) throw badColumn("value", "BYTEA", kindOf(value));
        return copy(value);
      },
    };
  },
} as const satisfies Format;

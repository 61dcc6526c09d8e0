import { type ConnectionSchema, type Format, kindOf } from "@x/connector-api";
import { badColumn } from "../bad-value.js";
import { parseNoOptions } from "../format-options.js";
import { decodeUtf8, encodeUtf8 } from "../strict-utf8.js";
import { valueColumn } from "../value-column.js";

const column = (schema: ConnectionSchema) => valueColumn(schema, "raw_string", { text: "TEXT" });

/** A payload as the text column `value`. Strict UTF-8 both ways: what is no text is bad data, nothing is replaced. */
export const rawString = {
  name: "raw_string",
  text: true,
  fromOptions: () => ({}),
  parse: (value) => parseNoOptions(value, "raw_string"),
  checkSchema: (schema) => void column(schema),
  async openDecoder(_options, { schema }) {
    column(schema);
    return {
      decode(payload, rows) {
        rows.push({ value: decodeUtf8(payload) });
      },
    };
  },
  async openEncoder(_options, { schema }) {
    column(schema);
    return {
      encode({ value }) {
        if (typeof value !== "string") throw badColumn("value", "TEXT", kindOf(value));
        return encodeUtf8(value);
      },
    };
  },
} as const satisfies Format;

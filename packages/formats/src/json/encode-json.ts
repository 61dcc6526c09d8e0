import { type ConnectionSchema, ConnectorError, type Encoder, type SqlType } from "@x/connector-api";
import { toBadData } from "../bad-value.js";
import { timestampUnit } from "../values/timestamp.js";
import { createRowWriter, type JsonWriting } from "./column-writers.js";
import { connectSchema } from "./connect-schema.js";
import { JsonBytes } from "./json-bytes.js";

/**
 * Encodes a row as one JSON object with every column in declared order. Compiled here, once.
 * SCHEMA_INVALID when `unix_millis` would cut digits off a TIMESTAMP finer than milliseconds.
 */
export function createJsonEncoder(
  schema: ConnectionSchema,
  writing: JsonWriting & { includeSchema: boolean },
): Encoder {
  checkTimestamps(schema, writing);
  const write = createRowWriter(schema.columns, writing);
  const [before, after] = writing.includeSchema
    ? [`{"schema":${JSON.stringify(connectSchema(schema, writing))},"payload":`, "}"]
    : ["", ""];
  const out = new JsonBytes();
  return {
    encode(row) {
      try {
        out.text(before);
        write(row, out);
        out.text(after);
        return out.takeRow();
      } catch (error) {
        out.dropRow();
        throw toBadData(error);
      }
    },
  };
}

/** Refuses `unix_millis` for timestamps that it would cut digits off. */
export function checkTimestamps(schema: ConnectionSchema, writing: JsonWriting): void {
  for (const { name, type } of schema.columns) {
    if (writing.timestampFormat === "unix_millis" && holdsFineTimestamp(type)) {
      throw new ConnectorError(
        "SCHEMA_INVALID",
        `column "${name}" is finer than milliseconds, which json.timestamp_format = 'unix_millis' would cut off; use 'RFC3339', or TIMESTAMP(3)`,
        { context: { column: name } },
      );
    }
  }
}

function holdsFineTimestamp(type: SqlType): boolean {
  switch (type.kind) {
    case "timestamp":
      return timestampUnit(type.precision) !== "ms";
    case "array":
      return holdsFineTimestamp(type.element);
    case "struct":
      return type.fields.some((field) => holdsFineTimestamp(field.type));
    default:
      return false;
  }
}

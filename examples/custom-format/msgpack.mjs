// A payload format of your own: MessagePack, one map per payload. Fields match columns by name.
// As a plugin of the command: nats-pipeline run jobs.sql --plugin ./msgpack.mjs, then format = 'msgpack'.
import { decodeMulti, Encoder } from "@msgpack/msgpack";
import { ConnectorError, compileRowChecker, kindOf } from "@x/connector-api";

/** @typedef {import("@x/connector-api").RowValue} RowValue */

/** @type {import("@x/connector-api").Format} */
export const msgpack = {
  name: "msgpack",
  // Newlines mean nothing here, so framing = 'newline' is refused.
  text: false,

  // Options of a format are called `<format>.<option>`. They are pulled from what the user wrote, and stored as JSON.
  fromOptions(options) {
    options.declare(["msgpack.sort_keys"]);
    return { sortKeys: options.pullBool("msgpack.sort_keys") ?? false };
  },
  parse(stored) {
    const { sortKeys = false } = Object(stored);
    if (typeof sortKeys === "boolean") return { sortKeys };
    throw new ConnectorError("OPTION_INVALID", `format.sortKeys: expected true or false, got ${kindOf(sortKeys)}`);
  },

  // Runs when the table is declared: what cannot work is said before anything is opened.
  checkSchema(schema) {
    const fine = schema.columns.find(({ type }) => type.kind === "timestamp" && type.precision > 3);
    if (fine === undefined) return;
    throw new ConnectorError("SCHEMA_INVALID", `format msgpack: column "${fine.name}" must be a TIMESTAMP(0) to (3)`);
  },

  // Both are compiled once per operator; decode and encode then run synchronously for every row.
  async openDecoder(_options, { schema }) {
    const check = compileRowChecker(schema);
    const names = schema.columns.map(({ name }) => name);
    return {
      decode(payload, rows) {
        const fields = readMap(payload);
        const row = Object.fromEntries(names.map((name) => [name, fields.get(name) ?? null]));
        check(row); // BAD_DATA naming the column
        rows.push(row);
      },
    };
  },
  async openEncoder({ sortKeys }, { schema }) {
    const check = compileRowChecker(schema);
    const encoder = new Encoder({ useBigInt64: true, sortKeys: sortKeys === true });
    return {
      encode(row) {
        check(row);
        return encoder.encode(Object.fromEntries(schema.columns.map(({ name }) => [name, row[name] ?? null])));
      },
    };
  },
};

export const formats = [msgpack];

/**
 * The one map of a payload. What the library throws becomes BAD_DATA: the bad-data policy decides about it.
 * @param {Uint8Array} payload
 * @returns {Map<string, RowValue>}
 */
function readMap(payload) {
  let values;
  try {
    values = [...decodeMulti(payload, { useBigInt64: true })].map(plain);
  } catch (cause) {
    throw new ConnectorError("BAD_DATA", "the payload is not MessagePack", { cause });
  }
  const [value] = values;
  if (values.length === 1 && value !== undefined && kindOf(value) === "object")
    return new Map(Object.entries(Object(value)));
  throw new ConnectorError(
    "BAD_DATA",
    `expected one map, got ${values.length === 1 ? kindOf(value) : `${values.length} values`}`,
  );
}

/**
 * Integers as rows hold them: number when safe, else bigint. Bytes are copied: a payload is only lent.
 * @param {unknown} value
 * @returns {RowValue}
 */
function plain(value) {
  if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  if (value instanceof Uint8Array) return new Uint8Array(value);
  if (Array.isArray(value)) return value.map(plain);
  if (kindOf(value) !== "object") return /** @type {RowValue} */ (value);
  return Object.fromEntries(Object.entries(Object(value)).map(([key, member]) => [key, plain(member)]));
}

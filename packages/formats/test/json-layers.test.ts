import { gzipSync } from "node:zlib";
import { ConnectorOptions, defineSchema, isConnectorError, type Row } from "@x/connector-api";
import { describe, expect, test } from "vitest";
import { debeziumJson, json } from "../src/index.ts";

async function decode(
  format: typeof json | typeof debeziumJson,
  options: object,
  columns: Record<string, string>,
  payload: unknown,
): Promise<Row[]> {
  const rows: Row[] = [];
  const parsed = format.fromOptions(ConnectorOptions.fromObject({ json: options }));
  const bytes = payload instanceof Uint8Array ? payload : Buffer.from(JSON.stringify(payload));
  (await format.openDecoder(parsed, { schema: defineSchema(columns) })).decode(bytes, rows);
  return rows;
}
async function refusal(run: Promise<unknown>): Promise<string> {
  const error = await run.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  return isConnectorError(error) ? `${error.code}: ${error.message}` : String(error);
}

describe("gzip", () => {
  test("a bomb and what is no gzip are bad data", async () => {
    const bomb = gzipSync(Buffer.alloc(10_000_000, " "));
    const options = { compression: "gzip", maxInflatedSize: "1MiB" };
    expect(await refusal(decode(json, options, { a: "INT" }, bomb))).toContain(
      "inflates to more than 1048576 bytes (json.max_inflated_size)",
    );
    expect(await refusal(decode(json, options, { a: "INT" }, { a: 1 }))).toContain("BAD_DATA");
  });
});

describe("include_schema", () => {
  test("reads and writes the envelope of Kafka Connect", async () => {
    const schema = defineSchema({ id: "BIGINT NOT NULL", at: "TIMESTAMP" });
    const options = json.parse({ include_schema: true, timestamp_format: "unix_millis" });
    const text = Buffer.from(
      (await json.openEncoder(options, { schema })).encode({ id: 2n ** 60n, at: new Date(5) }),
    ).toString();
    expect(text).toBe(
      '{"schema":{"type":"struct","fields":[{"type":"int64","optional":false,"field":"id"},{"type":"int64","name":"org.apache.kafka.connect.data.Timestamp","version":1,"optional":true,"field":"at"}],"optional":false},"payload":{"id":1152921504606846976,"at":5}}',
    );
    const unwrapped = await decode(
      json,
      { includeSchema: true, unstructured: true },
      { value: "TEXT" },
      Buffer.from(text),
    );
    expect(unwrapped).toEqual([{ value: '{"id":1152921504606846976,"at":5}' }]);
    expect(await refusal(decode(json, { includeSchema: true }, { id: "INT" }, { id: 1 }))).toContain(
      'with "schema" and "payload"',
    );
  });
});

describe("debezium_json", () => {
  const columns = { id: "BIGINT NOT NULL", price: "DECIMAL(6, 2)", at: "TIMESTAMP" };
  const after = { id: 1, price: "AfQ=", at: 1000 };
  const row = { id: 1, price: "5.00", at: new Date(1000) };
  test("inserts, snapshots, and the schema envelope", async () => {
    const event = { before: null, after, op: "c" };
    expect(await decode(debeziumJson, {}, columns, event)).toEqual([row]);
    expect(await decode(debeziumJson, {}, columns, { schema: {}, payload: { ...event, op: "r" } })).toEqual([row]);
  });
  test("a DECIMAL keeps its digits, also inside of a STRUCT or an array", async () => {
    const digits = "123456789012345678.91";
    const event = Buffer.from(`{"after":{"d":${digits},"s":{"d":[${digits}]}},"op":"c"}`);
    const nested = { d: "DECIMAL(20, 2)", s: "STRUCT<d DECIMAL(20, 2)[]>" };
    for (const columns of [nested, { s: nested.s }]) {
      const [row] = await decode(debeziumJson, { decimalEncoding: "number" }, columns, event);
      expect(row).toMatchObject({ s: { d: [digits] } });
    }
  });
  test("updates and deletes with is_retract, else an error that says so", async () => {
    const update = { before: { ...after, price: null }, after, op: "u" };
    const retracting = { ...columns, is_retract: "BOOLEAN" };
    expect(await decode(debeziumJson, {}, retracting, update)).toEqual([
      { ...row, price: null, is_retract: true },
      { ...row, is_retract: false },
    ]);
    expect(await decode(debeziumJson, {}, retracting, { before: after, after: null, op: "d" })).toEqual([
      { ...row, is_retract: true },
    ]);
    expect(await refusal(decode(debeziumJson, {}, columns, update))).toContain(
      "a column is_retract BOOLEAN takes updates",
    );
    expect(await refusal(decode(debeziumJson, {}, retracting, { ...update, before: null }))).toContain(
      "REPLICA IDENTITY FULL",
    );
    expect(await refusal(decode(debeziumJson, {}, columns, { op: "t" }))).toContain('"op": expected c, r, u or d');
  });
});

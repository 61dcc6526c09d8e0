import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { createFileRegistry, type DescMessage, fromBinary, toJson } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { type ConnectionSchema, defineSchema, type Row } from "@x/connector-api";
import { describe, expect, test } from "vitest";
import { avro, protobuf } from "../src/index.ts";
import { decodeOne } from "./schemas.ts";

const path = (name: string): string => fileURLToPath(new URL(`fixtures/${name}`, import.meta.url));
const bytes = (name: string): Buffer => readFileSync(path(name));
const parsed = (name: string): unknown => JSON.parse(bytes(name).toString());

async function readAvro(name: string, schema: ConnectionSchema): Promise<Row[]> {
  const rows: Row[] = [];
  (await avro.openDecoder(avro.parse({}), { schema })).decode(bytes(name), rows);
  return rows;
}

const flights = defineSchema({
  date: "TEXT NOT NULL",
  delay: "INT",
  distance: "BIGINT NOT NULL",
  origin: "TEXT NOT NULL",
  destination: "TEXT NOT NULL",
});

describe("avro", () => {
  test.each(["flights-fastavro.avro", "flights-apache.avro"])("reads %s", async (name) => {
    expect(await readAvro(name, flights)).toEqual(parsed("flights.json"));
  });

  test("reads the logical types of fastavro", async () => {
    const schema = defineSchema({
      dec: "DECIMAL(20, 4)",
      fixed_dec: "DECIMAL(10, 2)",
      day: "DATE",
      t_ms: "TIME",
      t_us: "TIME",
      ms: "TIMESTAMP",
      us: "TIMESTAMP(6)",
      local: "TIMESTAMP",
      id: "UUID",
      big: "BIGINT",
      many: "JSON",
      map: "JSON",
      suit: "TEXT",
    });
    const rows = await readAvro("logical-fastavro.avro", schema);
    const map = JSON.parse('{"a":1,"__proto__":2}') as object;
    expect(rows.map(({ big, many }) => [big, many])).toEqual([
      [-(2n ** 63n), null],
      [2n ** 63n - 1n, 2n ** 53n + 1n],
      [1, "xé😀"],
      [-1, 0.5],
      [0, true],
    ]);
    expect({ ...rows[0], map: JSON.stringify(rows[0]?.map) }).toEqual({
      dec: "-1234567890123456.7891",
      fixed_dec: "12345678.90",
      day: "1969-07-20",
      t_ms: "23:59:59.999",
      t_us: "01:02:03.000004",
      ms: new Date("2024-02-29T12:34:56.789Z"),
      us: -1n,
      local: new Date("2000-01-01T00:00:00Z"),
      id: "f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
      big: -(2n ** 63n),
      many: null,
      map: JSON.stringify(map),
      suit: "HEARTS",
    });
  });

  test("still writes the bytes that fastavro and Apache Avro have verified", async () => {
    const { sha256 } = parsed("verified.json") as { sha256: Record<string, string> };
    for (const [name, sum] of Object.entries(sha256)) {
      expect(createHash("sha256").update(bytes(name)).digest("hex"), name).toBe(sum);
    }
    const rows = parsed("flights.json") as Row[];
    const raw = await avro.openEncoder(avro.parse({ rawDatums: true }), { schema: flights });
    expect(Buffer.concat(rows.map((row) => raw.encode(row))).equals(bytes("ours-raw.bin"))).toBe(true);
    const single = await avro.openEncoder(avro.parse({ singleObject: true }), { schema: flights });
    expect(Buffer.from(single.encode(rows[0] as Row)).equals(bytes("ours-single.bin"))).toBe(true);
    expect(await readAvro("ours-container.avro", flights)).toEqual(rows.slice(0, 1));
  });
});

/** What ProtoJSON writes, from ours: 64-bit integers as texts. */
const asProtoJson = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value, (_key, inner: unknown) => (typeof inner === "bigint" ? String(inner) : inner)));
/** Digits alike, as text or number. */
const digits = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value), (_key, inner: unknown) =>
    typeof inner === "string" && /^-?\d+$/.test(inner) ? Number(inner) : inner,
  );

function foreignType(name: string, message: string): DescMessage {
  const set = fromBinary(FileDescriptorSetSchema, bytes(name));
  const type = createFileRegistry(set).getMessage(message);
  if (type === undefined) throw new Error(`no ${message}`);
  return type;
}

describe("protobuf", () => {
  const feed = "transit_realtime.FeedMessage";
  const value = defineSchema({ value: "JSON" });
  const readJson = async (schemaFile: string, messageName: string, payload: string): Promise<unknown> => {
    const options = protobuf.parse({ schemaFile: path(schemaFile), messageName, intoUnstructuredJson: true });
    return decodeOne(await protobuf.openDecoder(options, { schema: value }), bytes(payload)).value;
  };

  test.each([
    ["gtfs-realtime.proto", feed, "gtfs-feed"],
    ["gtfs-realtime.binpb", feed, "gtfs-feed"],
    ["otel-traces.binpb", "opentelemetry.proto.trace.v1.TracesData", "otel-traces"],
  ])("reads by %s what Google's implementation wrote", async (schema, message, name) => {
    const read = await readJson(schema, message, `${name}.pb`);
    const expected = parsed(`${name}.json`);
    // Google leaves out defaults without presence, and ours names them.
    expect(digits(asProtoJson(read))).toMatchObject(digits(expected) as object);
  });

  test("keeps the digits that Google's implementation wrote", async () => {
    expect(await readJson("gtfs-realtime.proto", feed, "gtfs-feed.pb")).toMatchObject({
      header: { gtfs_realtime_version: "2.0", timestamp: 2n ** 63n + 1n },
    });
    const read = await readJson("otel-traces.binpb", "opentelemetry.proto.trace.v1.TracesData", "otel-traces.pb");
    expect(JSON.stringify(asProtoJson(read))).toContain('"end_time_unix_nano":"18446744073709551615"');
  });

  test("reads the vehicle position of the GTFS-realtime bindings", async () => {
    expect(await readJson("gtfs-realtime.proto", feed, "vehicle_position.pb")).toMatchObject({ entity: [{ id: "1" }] });
  });

  test("what ours writes, @bufbuild/protobuf reads as the same", async () => {
    const schema = defineSchema({
      header: "STRUCT<gtfs_realtime_version TEXT NOT NULL, timestamp BIGINT UNSIGNED> NOT NULL",
      entity:
        "STRUCT<id TEXT NOT NULL, vehicle STRUCT<trip STRUCT<trip_id TEXT, direction_id INT UNSIGNED>, current_status TEXT>>[]",
    });
    const options = protobuf.parse({ schemaFile: path("gtfs-realtime.proto"), messageName: feed });
    const decoder = await protobuf.openDecoder(options, { schema });
    const encoder = await protobuf.openEncoder(options, { schema });
    const row = decodeOne(decoder, bytes("gtfs-feed.pb"));
    const type = foreignType("gtfs-realtime.binpb", feed);
    expect(toJson(type, fromBinary(type, encoder.encode(row)), { useProtoFieldName: true })).toEqual({
      header: { gtfs_realtime_version: "2.0", timestamp: String(2n ** 63n + 1n) },
      entity: (
        row.entity as { id: string; vehicle: { trip: Record<string, unknown>; current_status: string } | null }[]
      ).map(({ id, vehicle }) =>
        vehicle === null
          ? { id }
          : {
              id,
              vehicle: {
                trip: vehicle.trip,
                current_status: vehicle.current_status,
              },
            },
      ),
    });
  });
});

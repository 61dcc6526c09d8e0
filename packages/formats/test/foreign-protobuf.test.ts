import { createFileRegistry, type DescMessage, fromBinary, toBinary, toJson } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { defineSchema } from "@x/connector-api";
import { describe, expect, test } from "vitest";
import { protobuf, schemaFromProtobuf } from "../src/index.ts";
import { bytesOf, jsonOf, pathOf } from "./fixture-files.ts";
import { decodeOne } from "./schemas.ts";

/** What ProtoJSON writes, from ours: 64-bit integers as texts. */
const asProtoJson = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value, (_key, inner: unknown) => (typeof inner === "bigint" ? String(inner) : inner)));
/** Digits alike, as text or number. */
const digits = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value), (_key, inner: unknown) =>
    typeof inner === "string" && /^-?\d+$/.test(inner) ? Number(inner) : inner,
  );

function foreignType(name: string, message: string): DescMessage {
  const set = fromBinary(FileDescriptorSetSchema, bytesOf(name));
  const type = createFileRegistry(set).getMessage(message);
  if (type === undefined) throw new Error(`no ${message}`);
  return type;
}

describe("protobuf", () => {
  const feed = "transit_realtime.FeedMessage";
  const value = defineSchema({ value: "JSON" });
  const readJson = async (schemaFile: string, messageName: string, payload: string): Promise<unknown> => {
    const options = protobuf.parse({ schemaFile: pathOf(schemaFile), messageName, intoUnstructuredJson: true });
    return decodeOne(await protobuf.openDecoder(options, { schema: value }), bytesOf(payload)).value;
  };

  const messages = [
    ["gtfs-realtime.proto", feed, "gtfs-feed"],
    ["gtfs-realtime.binpb", feed, "gtfs-feed"],
    ["gtfs-realtime.binpb", feed, "transit/alerts"],
    ["gtfs-realtime.binpb", feed, "transit/trip-updates-full"],
    ["otel.binpb", "opentelemetry.proto.trace.v1.TracesData", "otel-traces"],
    ["otel.binpb", "opentelemetry.proto.trace.v1.TracesData", "opentelemetry/trace-message"],
    ["otel.binpb", "opentelemetry.proto.metrics.v1.MetricsData", "opentelemetry/metrics-message"],
    ["otel.binpb", "opentelemetry.proto.logs.v1.LogsData", "opentelemetry/logs-message"],
  ] as const;

  test.each(messages)("by %s, %s: what Google's implementation wrote as %s", async (schema, message, name) => {
    const read = await readJson(schema, message, `${name}.pb`);
    const expected = jsonOf(`${name}.json`);
    // Google leaves out defaults without presence, and ours names them.
    expect(digits(asProtoJson(read))).toMatchObject(digits(expected) as object);
  });

  test("keeps the digits that Google's implementation wrote", async () => {
    expect(await readJson("gtfs-realtime.proto", feed, "gtfs-feed.pb")).toMatchObject({
      header: { gtfs_realtime_version: "2.0", timestamp: 2n ** 63n + 1n },
    });
    const read = await readJson("otel.binpb", "opentelemetry.proto.trace.v1.TracesData", "otel-traces.pb");
    expect(JSON.stringify(asProtoJson(read))).toContain('"end_time_unix_nano":"18446744073709551615"');
  });

  test("reads the vehicle position of the GTFS-realtime bindings", async () => {
    expect(await readJson("gtfs-realtime.proto", feed, "vehicle_position.pb")).toMatchObject({ entity: [{ id: "1" }] });
  });

  /** `ours-*.pb` are these bytes, and Google's implementation has read them as its own: see verified.json. */
  test.each(messages.slice(1))("by %s, %s: ours writes %s so that others read it", async (schema, message, name) => {
    const given = { schemaFile: pathOf(schema), messageName: message };
    const own = await schemaFromProtobuf(bytesOf(schema), message);
    const row = decodeOne(await protobuf.openDecoder(protobuf.parse(given), { schema: own }), bytesOf(`${name}.pb`));
    const written = (await protobuf.openEncoder(protobuf.parse(given), { schema: own })).encode(row);
    expect(Buffer.from(written).equals(bytesOf(`ours-${name.replace(/^.*\//, "")}.pb`))).toBe(true);
    const type = foreignType(schema, message);
    const bytes = (payload: Uint8Array): Buffer => Buffer.from(toBinary(type, fromBinary(type, payload)));
    expect(bytes(written).equals(bytes(bytesOf(`${name}.pb`)))).toBe(true);
    expect(toJson(type, fromBinary(type, written))).toEqual(toJson(type, fromBinary(type, bytesOf(`${name}.pb`))));
  });
});

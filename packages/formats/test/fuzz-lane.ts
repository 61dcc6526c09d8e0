import { setImmediate } from "node:timers/promises";
import {
  type ConnectionSchema,
  ConnectorOptions,
  defineSchema,
  type Format,
  isConnectorError,
  type Row,
} from "@x/connector-api";
import { describe, expect, test } from "vitest";
import { avro, protobuf, schemaFromAvro, schemaFromProtobuf } from "../src/index.ts";
import { bytesOf, textOf } from "./fixture-files.ts";
import { fixtures } from "./format-fixtures.ts";

const seed = Number(process.env.FUZZ_SEED ?? 4);

interface Target {
  readonly decode: (payload: Uint8Array, rows: Row[]) => void;
  readonly seeds: readonly Uint8Array[];
}

type Random = (bound: number) => number;

/** What a mutated payload may end in: rows, or BAD_DATA; never in another error, nor after a long time. */
export function describeFuzz(payloads: number): void {
  const targets: Readonly<Record<string, () => Promise<Target>>> = {
    ...Object.fromEntries(
      Object.entries(fixtures).map(([name, fixture]) => [name, () => openFixture(fixture as unknown as Fixture)]),
    ),
    "avro, logical types as JSON": async () => ({
      decode: await jsonDecoder(avro as never, { avro: { intoUnstructuredJson: true } }),
      seeds: ["java-null.avro", "java-snappy.avro", "java-deflate.avro", "logical-fastavro.avro"].map(bytesOf),
    }),
    "avro, a recursive schema": async () => ({
      decode: await jsonDecoder(avro as never, {
        avro: { intoUnstructuredJson: true, rawDatums: true, schema: textOf("apache-avro/interop.avsc") },
      }),
      seeds: [
        Buffer.from([2, 2, 2, 0x61, 1, ...Buffer.alloc(12), 2, 0, 0, 0, 0, 0, 2, ...Buffer.alloc(16), 2, 0x61, 0]),
      ],
    }),
    "protobuf, OpenTelemetry as JSON": async () => ({
      decode: await jsonDecoder(protobuf as never, {
        proto: {
          ...{ intoUnstructuredJson: true, schemaFile: new URL("fixtures/otel.binpb", import.meta.url).pathname },
          messageName: "opentelemetry.proto.metrics.v1.MetricsData",
        },
      }),
      seeds: ["opentelemetry/metrics-message.pb", "opentelemetry/logs-message.pb", "otel-traces.pb"].map(bytesOf),
    }),
  };
  describe.each(Object.entries(targets))("%s", (name, open) => {
    // Beside those of each format, a fifth of them for what takes longer.
    const count = Object.hasOwn(fixtures, name) ? payloads : Math.ceil(payloads / 5);
    test(`${count} mutated payloads end in rows or BAD_DATA, in bounded time and memory`, {
      timeout: 600_000 + payloads,
    }, async () => {
      const { decode, seeds } = await open();
      const random = randomFrom(seed);
      let slowest = 0;
      let rowsRead = 0;
      for (let i = 0; i < count; i++) {
        const payload = mutate(seeds[random(seeds.length)] as Uint8Array, random);
        const rows: Row[] = [];
        const startedAt = performance.now();
        try {
          decode(payload, rows);
          rowsRead += rows.length;
        } catch (error) {
          if (!isConnectorError(error) || error.code !== "BAD_DATA") throw error;
        }
        slowest = Math.max(slowest, performance.now() - startedAt);
        // As a source does between batches: zlib lets go of what it needed only then.
        if (i % 1_000 === 0) await setImmediate();
      }
      expect(rowsRead).toBeLessThan(count * 200);
      expect(slowest).toBeLessThan(10_000);
      expect({}).not.toHaveProperty("polluted");
    });
  });
}

/** What a mutated schema may end in: a schema, or SCHEMA_INVALID. It may come from a registry, so it is not trusted. */
export function describeSchemaFuzz(schemas: number): void {
  const avroSeeds = ["apache-avro/interop.avsc", "apache-avro/message.avsc"].map(bytesOf);
  const targets: Readonly<Record<string, readonly [readonly Uint8Array[], (given: Uint8Array) => unknown]>> = {
    "Avro schemas": [avroSeeds, async (given) => void schemaFromAvro(Buffer.from(given).toString())],
    "Avro schemas that are opened": [
      avroSeeds,
      (given) =>
        jsonDecoder(avro as never, {
          avro: { intoUnstructuredJson: true, rawDatums: true, schema: Buffer.from(given).toString() },
        }),
    ],
    ".proto texts": [[Buffer.from(protoSeed)], (given) => schemaFromProtobuf(Buffer.from(given).toString(), "t.Row")],
    "descriptor sets": [
      [bytesOf("gtfs-realtime.binpb")],
      (given) => schemaFromProtobuf(given, "transit_realtime.FeedMessage"),
    ],
  };
  test.each(Object.entries(targets))(
    `${schemas} mutated %s end in a schema or SCHEMA_INVALID`,
    {
      timeout: 600_000 + schemas * 10,
    },
    async (_name, [seeds, open]) => {
      const random = randomFrom(seed);
      let slowest = 0;
      let refused = 0;
      for (let i = 0; i < schemas; i++) {
        const given = mutate(seeds[random(seeds.length)] as Uint8Array, random);
        const startedAt = performance.now();
        try {
          await open(given);
        } catch (error) {
          if (!isConnectorError(error) || !["SCHEMA_INVALID", "OPTION_INVALID", "ENV_MISSING"].includes(error.code))
            throw error;
          refused += 1;
        }
        slowest = Math.max(slowest, performance.now() - startedAt);
      }
      expect(refused).toBeGreaterThan(0);
      expect(refused).toBeLessThan(schemas);
      expect(slowest).toBeLessThan(10_000);
      expect({}).not.toHaveProperty("polluted");
    },
  );
}

const protoSeed = `syntax = "proto3"; package t; import "google/protobuf/timestamp.proto";
enum Color { NONE = 0; RED = 1; }
message Item { optional string sku = 1; map<string, int64> counts = 2; oneof pick { bool a = 3; Item b = 4; } }
message Row { int64 id = 1; repeated Item items = 2; google.protobuf.Timestamp at = 3; Color color = 4 [deprecated = true]; reserved 9 to 12; }`;

interface Fixture {
  readonly format: Format;
  readonly schema: ConnectionSchema;
  readonly options?: object;
  readonly rows: readonly Row[];
}

async function openFixture({ format, schema, options, rows }: Fixture): Promise<Target> {
  const parsed = format.fromOptions(ConnectorOptions.fromObject(options ?? {}));
  const decoder = await format.openDecoder?.(parsed, { schema });
  const encoder = await format.openEncoder?.(parsed, { schema });
  if (decoder === undefined || encoder === undefined) throw new Error("no decoder or encoder");
  const seeds = rows.map((row) => encoder.encode(row)).filter((bytes) => bytes.length < 2000);
  return { decode: (payload, found) => decoder.decode(payload, found), seeds };
}

async function jsonDecoder(format: Format, options: object): Promise<Target["decode"]> {
  const parsed = format.fromOptions(ConnectorOptions.fromObject(options));
  const decoder = await format.openDecoder?.(parsed, { schema: defineSchema({ value: "JSON" }) });
  if (decoder === undefined) throw new Error("no decoder");
  return (payload, rows) => decoder.decode(payload, rows);
}

function mutate(original: Uint8Array, random: Random): Uint8Array {
  let bytes = Uint8Array.from(original);
  for (let changes = 1 + random(4); changes > 0; changes--) {
    const at = random(bytes.length + 1);
    switch (random(5)) {
      case 0:
        bytes = bytes.slice(0, at);
        break;
      case 1:
        bytes = Uint8Array.of(...bytes.subarray(0, at), random(256), ...bytes.subarray(at));
        break;
      case 2:
        bytes = Uint8Array.of(...bytes.subarray(0, at), ...bytes.subarray(at + 1 + random(4)));
        break;
      case 3:
        // Lengths and counts as large as they get.
        bytes.fill(0xff, at, at + 1 + random(9));
        break;
      default:
        if (bytes.length > 0) bytes[at % bytes.length] = random(256);
    }
  }
  return bytes;
}

function randomFrom(start: number): Random {
  let state = start >>> 0;
  return (bound) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * bound);
  };
}

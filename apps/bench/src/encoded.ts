import { avro, json, protobuf } from "@x/formats";
import type { Payload } from "./flights.js";

/** The options of each format that a table of these payloads needs, as they stand in `WITH (…)`. */
export function formatOptions(format: string, payload: Payload): Readonly<Record<string, string>> {
  switch (format) {
    case "avro":
      return { format, "avro.raw_datums": "true", "avro.schema": payload.avroSchema };
    case "protobuf":
      return { format, "proto.schema": payload.protoSchema, "proto.message_name": payload.protoMessage };
    default:
      return { format };
  }
}

/** Rows as messages, those of the payload itself when none are given: what a producer of this format would have sent. */
export async function encodeRows(format: string, payload: Payload, rows = payload.rows): Promise<Uint8Array[]> {
  const encoder = await openEncoder(format, payload);
  return rows.map((row) => new Uint8Array(encoder.encode(row)));
}

function openEncoder(format: string, { schema, avroSchema, protoSchema, protoMessage }: Payload) {
  switch (format) {
    case "avro":
      return avro.openEncoder(avro.parse({ schema: avroSchema, rawDatums: true }), { schema });
    case "protobuf":
      return protobuf.openEncoder(protobuf.parse({ schema: protoSchema, messageName: protoMessage }), { schema });
    default:
      return json.openEncoder(json.parse({}), { schema });
  }
}

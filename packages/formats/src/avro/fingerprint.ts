import { canonicalForm } from "./canonical-form.js";
import type { AvroNode } from "./schema-model.js";

const empty = 0xc15d213aa4d7a795n;

/** CRC-64-AVRO of bytes (Avro specification 1.11, "Schema Fingerprints"). */
export function crc64Avro(bytes: Uint8Array): bigint {
  const table = Array.from({ length: 256 }, (_, i) => {
    let value = BigInt(i);
    for (let bit = 0; bit < 8; bit++) value = (value >> 1n) ^ (empty & -(value & 1n));
    return value;
  });
  let crc = empty;
  for (const byte of bytes) crc = (crc >> 8n) ^ (table[Number((crc ^ BigInt(byte)) & 0xffn)] as bigint);
  return crc;
}

/** What stands before a datum in single-object encoding: C3 01 and the fingerprint of the schema, little-endian. */
export function singleObjectHeader(schema: AvroNode): Uint8Array {
  const canonical = JSON.stringify(canonicalForm(schema));
  const header = Buffer.alloc(10);
  header[0] = 0xc3;
  header[1] = 0x01;
  header.writeBigUInt64LE(crc64Avro(Buffer.from(canonical)), 2);
  return header;
}

/** True when a payload begins as single-object encoding does. */
export function isSingleObject(payload: Uint8Array): boolean {
  return payload.length >= 10 && payload[0] === 0xc3 && payload[1] === 0x01;
}

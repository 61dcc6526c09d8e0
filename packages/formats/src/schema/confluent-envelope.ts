import { ConnectorError } from "@x/connector-api";

/** Bytes before the data: a zero and the schema's id, big-endian (Confluent wire format). */
export const ENVELOPE_BYTES = 5;

/** The id in an envelope; undefined when the payload has none. */
export function schemaIdOf(payload: Uint8Array): number | undefined {
  if (payload.length < ENVELOPE_BYTES || payload[0] !== 0) return undefined;
  return (
    (payload[1] as number) * 0x1000000 +
    (((payload[2] as number) << 16) | ((payload[3] as number) << 8) | (payload[4] as number))
  );
}

export function envelope(id: number): Uint8Array {
  return Uint8Array.of(0, id >>> 24, (id >>> 16) & 255, (id >>> 8) & 255, id & 255);
}

export function badEnvelope(): ConnectorError {
  return new ConnectorError(
    "BAD_DATA",
    "the payload does not begin with a schema id (a zero byte and four bytes); was it written without the registry?",
  );
}

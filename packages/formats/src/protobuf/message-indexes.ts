import { badEnvelope, ENVELOPE_BYTES } from "../schema/confluent-envelope.js";

/** The indexes behind the schema id, and where the message begins. BAD_DATA when there are none. */
export function readMessageIndexes(payload: Uint8Array): { readonly indexes: readonly number[]; readonly end: number } {
  let at = ENVELOPE_BYTES;
  const next = (): number => {
    let value = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = payload[at++];
      if (byte === undefined) throw badEnvelope();
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return (value >>> 1) ^ -(value & 1);
    }
    throw badEnvelope();
  };
  const count = next();
  // One zero stands for the first message of the file.
  if (count === 0) return { indexes: [0], end: at };
  if (count < 0 || count > 32) throw badEnvelope();
  const indexes = Array.from({ length: count }, next);
  if (indexes.some((index) => index < 0)) throw badEnvelope();
  return { indexes, end: at };
}

export function writeMessageIndexes(indexes: readonly number[]): Uint8Array {
  if (indexes.length === 1 && indexes[0] === 0) return Uint8Array.of(0);
  return Uint8Array.from([indexes.length, ...indexes].flatMap((index) => varint(index * 2)));
}

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)];
}

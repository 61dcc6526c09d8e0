import { gunzipSync, gzipSync } from "node:zlib";
import { ConnectorError, type Decoder, type Encoder } from "@x/connector-api";
import { badEnvelope, ENVELOPE_BYTES, schemaIdOf } from "../schema/confluent-envelope.js";

/** What stands around a JSON text. */
export interface PayloadLayers {
  /** The payload begins with a schema id; outside the compression. */
  readonly envelope: Uint8Array | boolean;
  readonly gzip: boolean;
  /** The largest text a compressed payload may hold, in bytes. */
  readonly maxInflatedBytes: number;
}

/** A decoder behind its layers. The schema id is not looked up: the text says all that a column needs. */
export function unwrapping(layers: PayloadLayers, decoder: Decoder): Decoder {
  const { envelope, gzip, maxInflatedBytes } = layers;
  if (envelope === false && !gzip) return decoder;
  return {
    decode(payload, rows) {
      if (envelope !== false && schemaIdOf(payload) === undefined) throw badEnvelope();
      const inner = envelope === false ? payload : payload.subarray(ENVELOPE_BYTES);
      decoder.decode(gzip ? inflate(inner, maxInflatedBytes) : inner, rows);
    },
  };
}

/** An encoder with its layers around it. */
export function wrapping(layers: PayloadLayers, encoder: Encoder): Encoder {
  const { envelope, gzip } = layers;
  if (!(envelope instanceof Uint8Array) && !gzip) return encoder;
  return {
    encode(row) {
      const text = encoder.encode(row);
      const inner = gzip ? gzipSync(text) : text;
      return envelope instanceof Uint8Array ? Buffer.concat([envelope, inner]) : inner;
    },
  };
}

function inflate(payload: Uint8Array, maxOutputLength: number): Uint8Array {
  try {
    return gunzipSync(payload, { maxOutputLength });
  } catch (error) {
    const tooLarge = (error as { code?: unknown }).code === "ERR_BUFFER_TOO_LARGE";
    const reason = tooLarge
      ? `inflates to more than ${maxOutputLength} bytes (json.max_inflated_size)`
      : "is no valid gzip";
    throw new ConnectorError("BAD_DATA", `the payload of ${payload.length} bytes ${reason}`);
  }
}

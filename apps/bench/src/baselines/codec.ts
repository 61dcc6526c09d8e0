import avsc from "avsc";
import protobufjs from "protobufjs";
import { payload } from "../flights.js";

/** A format by its bare library, as client code uses it: nothing checked. */
export interface Codec {
  decode(data: Uint8Array): unknown;
  encode(row: unknown): Uint8Array;
}

/** The bare library of a format, for the payloads of this name. */
export function bareCodec(format: string, payloadName: string): Codec {
  switch (format) {
    case "avro": {
      const type = avsc.Type.forSchema(JSON.parse(payload(payloadName).avroSchema) as avsc.Schema);
      return {
        decode: (data) => type.fromBuffer(Buffer.from(data.buffer, data.byteOffset, data.length)),
        encode: (row) => type.toBuffer(row),
      };
    }
    case "protobuf": {
      const { protoSchema, protoMessage } = payload(payloadName);
      const type = protobufjs.parse(protoSchema, { keepCase: true }).root.lookupType(protoMessage);
      return {
        decode: (data) => type.toObject(type.decode(data), { longs: Number, defaults: true }),
        encode: (row) => type.encode(row as Record<string, unknown>).finish(),
      };
    }
    default: {
      const encoder = new TextEncoder();
      const decoder = new TextDecoder();
      return {
        decode: (data) => JSON.parse(decoder.decode(data)),
        encode: (row) => encoder.encode(JSON.stringify(row)),
      };
    }
  }
}

import type { Decoder, Row } from "@x/connector-api";
import { avro, json, protobuf } from "@x/formats";
import avsc from "avsc";
import protobufjs from "protobufjs";
import type { Outcome } from "../contest/outcome.js";
import { avroSchema, protoSchema, rows, schema } from "../payloads.js";
import { runContest, type Work } from "../runner.js";

/** Payloads as a NATS client hands them over: views into larger buffers. */
const asViews = (payloads: readonly Uint8Array[]): Uint8Array[] => {
  const joined = new Uint8Array(Buffer.concat(payloads));
  let end = 0;
  return payloads.map(({ length }) => {
    end += length;
    return joined.subarray(end - length, end);
  });
};

function decodeAll(decoder: Decoder, payloads: readonly Uint8Array[]): Work {
  return (rounds) => {
    for (let round = 0; round < rounds; round++) {
      const batch: Row[] = [];
      for (const payload of payloads) decoder.decode(payload, batch);
      if (batch.length !== payloads.length) throw new Error("rows are missing");
    }
  };
}

/** The same batch, by the bare library. */
function bareAll(decode: (payload: Buffer) => unknown, payloads: readonly Uint8Array[]): Work {
  return (rounds) => {
    for (let round = 0; round < rounds; round++) {
      const batch: unknown[] = [];
      for (const one of payloads) batch.push(decode(Buffer.from(one.buffer, one.byteOffset, one.length)));
      if (batch.length !== payloads.length) throw new Error("rows are missing");
    }
  };
}

/** Typed decoding against the bare library on the same bytes. */
export async function decodeLane(): Promise<Outcome[]> {
  const context = { schema };
  const perRound = rows.length;

  const jsonOptions = json.parse({});
  const jsonDecoder = await json.openDecoder(jsonOptions, context);
  const jsonEncoder = await json.openEncoder(jsonOptions, context);
  const jsonPayloads = asViews(rows.map((row) => jsonEncoder.encode(row)));

  const avroOptions = avro.parse({ schema: avroSchema, rawDatums: true });
  const avroDecoder = await avro.openDecoder(avroOptions, context);
  const avroType = avsc.Type.forSchema(JSON.parse(avroSchema) as avsc.Schema);
  const avroPayloads = asViews(rows.map((row) => avroType.toBuffer(row)));

  const protoOptions = protobuf.parse({ schema: protoSchema, messageName: "Order" });
  const protoDecoder = await protobuf.openDecoder(protoOptions, context);
  const protoType = protobufjs.parse(protoSchema, { keepCase: true }).root.lookupType("Order");
  const protoPayloads = asViews(rows.map((row) => protoType.encode(row).finish()));
  const toObject = { longs: Number, defaults: true };

  return [
    runContest({
      name: "decode json",
      labels: ["typed rows", "JSON.parse"],
      ours: decodeAll(jsonDecoder, jsonPayloads),
      bare: bareAll((payload) => JSON.parse(payload.toString()), jsonPayloads),
      perRound,
    }),
    runContest({
      name: "decode avro",
      labels: ["typed rows", "avsc fromBuffer"],
      ours: decodeAll(avroDecoder, avroPayloads),
      bare: bareAll((payload) => avroType.fromBuffer(payload), avroPayloads),
      perRound,
    }),
    runContest({
      name: "decode protobuf",
      labels: ["typed rows", "decode + toObject"],
      ours: decodeAll(protoDecoder, protoPayloads),
      bare: bareAll((payload) => protoType.toObject(protoType.decode(payload), toObject), protoPayloads),
      perRound,
    }),
  ];
}

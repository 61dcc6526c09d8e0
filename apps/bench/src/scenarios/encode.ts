import type { Encoder, Row } from "@x/connector-api";
import { avro, json, protobuf } from "@x/formats";
import avsc from "avsc";
import protobufjs from "protobufjs";
import type { Outcome } from "../contest/outcome.js";
import { avroSchema, protoSchema, rows, schema } from "../payloads.js";
import { runContest, type Work } from "../runner.js";

function encodeAll(encoder: Encoder): Work {
  return (rounds) => {
    let bytes = 0;
    for (let round = 0; round < rounds; round++) for (const row of rows) bytes += encoder.encode(row).length;
    if (bytes === 0) throw new Error("nothing was written");
  };
}

function bareAll(encode: (row: Readonly<Row>) => Uint8Array): Work {
  return (rounds) => {
    let bytes = 0;
    for (let round = 0; round < rounds; round++) for (const row of rows) bytes += encode(row).length;
    if (bytes === 0) throw new Error("nothing was written");
  };
}

/** Encoding checked rows against the bare library, which takes them as they are. */
export async function encodeLane(): Promise<Outcome[]> {
  const context = { schema };
  const perRound = rows.length;
  const avroType = avsc.Type.forSchema(JSON.parse(avroSchema) as avsc.Schema);
  const protoType = protobufjs.parse(protoSchema, { keepCase: true }).root.lookupType("Order");
  const avroOptions = avro.parse({ schema: avroSchema, rawDatums: true });
  const protoOptions = protobuf.parse({ schema: protoSchema, messageName: "Order" });
  return [
    runContest({
      name: "encode json",
      labels: ["rows", "JSON.stringify"],
      ours: encodeAll(await json.openEncoder(json.parse({}), context)),
      bare: bareAll((row) => Buffer.from(JSON.stringify(row))),
      perRound,
    }),
    runContest({
      name: "encode avro",
      labels: ["rows", "avsc toBuffer"],
      ours: encodeAll(await avro.openEncoder(avroOptions, context)),
      bare: bareAll((row) => avroType.toBuffer(row)),
      perRound,
    }),
    runContest({
      name: "encode protobuf",
      labels: ["rows", "encode"],
      ours: encodeAll(await protobuf.openEncoder(protoOptions, context)),
      bare: bareAll((row) => protoType.encode(row).finish()),
      perRound,
    }),
  ];
}

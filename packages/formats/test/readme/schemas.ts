import { avroSchemaOf, protobufSchemaOf, schemaFromAvro, schemaFromProtobuf } from "@x/formats";

const order = schemaFromAvro({ type: "record", name: "Order", fields: [{ name: "id", type: "long" }] });
const proto = protobufSchemaOf(order, "shop.Order"); // .proto text
const same = await schemaFromProtobuf(proto, "shop.Order"); // text, or the bytes of a FileDescriptorSet
export const avsc = avroSchemaOf(same); // JSON

// For users: the formats of `format = '…'`, and schemas from and to those of others.

export type { AvroOptions } from "./avro/avro-options.js";
export { avroSchemaOf, schemaFromAvro } from "./avro/schema-conversion.js";
export type { BuiltinFormatName } from "./builtin-formats.js";
export { builtinFormats, resolveFormat } from "./builtin-formats.js";
export { avro } from "./formats/avro.js";
export { debeziumJson } from "./formats/debezium-json.js";
export { json } from "./formats/json.js";
export { protobuf } from "./formats/protobuf.js";
export { rawBytes } from "./formats/raw-bytes.js";
export { rawString } from "./formats/raw-string.js";
export type { JsonOptions } from "./json/json-options.js";
export type { ProtobufOptions } from "./protobuf/protobuf-options.js";
export { protobufSchemaOf, schemaFromProtobuf } from "./protobuf/schema-conversion.js";
export type { RegistrySettings } from "./schema/registry-options.js";

// For implementors: formats of your own implement `Format` of @x/connector-api; nothing more is needed from here.

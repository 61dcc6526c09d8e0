// For users: the formats of `format = '…'`.
export type { BuiltinFormatName } from "./builtin-formats.js";
export { builtinFormats, resolveFormat } from "./builtin-formats.js";
export type { JsonOptions } from "./formats/json.js";
export { json } from "./formats/json.js";
export { rawBytes } from "./formats/raw-bytes.js";
export { rawString } from "./formats/raw-string.js";

// For implementors: formats of your own implement `Format` of @x/connector-api; nothing more is needed from here.

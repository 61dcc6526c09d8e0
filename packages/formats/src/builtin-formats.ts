import { ConnectorError, didYouMean, type Format } from "@x/connector-api";
import { avro } from "./formats/avro.js";
import { debeziumJson } from "./formats/debezium-json.js";
import { json } from "./formats/json.js";
import { protobuf } from "./formats/protobuf.js";
import { rawBytes } from "./formats/raw-bytes.js";
import { rawString } from "./formats/raw-string.js";

/**
 * Every format of this package: one file and one line each. A Format const is light; one that needs a heavy library
 * imports it in `openDecoder` and `openEncoder`.
 */
export const builtinFormats = [
  json,
  debeziumJson,
  avro,
  protobuf,
  rawString,
  rawBytes,
] as const satisfies readonly Format[];

export type BuiltinFormatName = (typeof builtinFormats)[number]["name"];

/**
 * The format behind `format = '…'`, of the builtin ones and those handed in. OPTION_INVALID lists every valid name,
 * OPTION_CONFLICT says that two formats have one name.
 */
export function resolveFormat(name: string, custom: readonly Format[] = []): Format {
  const formats: readonly Format[] = [...builtinFormats, ...custom];
  const [format, second] = formats.filter((candidate) => candidate.name === name);
  if (second !== undefined) throw new ConnectorError("OPTION_CONFLICT", `two formats are called "${name}"`);
  if (format !== undefined) return format;
  const names = formats.map((candidate) => candidate.name);
  const valid = names.map((valid) => `"${valid}"`).join(", ");
  throw new ConnectorError(
    "OPTION_INVALID",
    `option "format": expected one of ${valid}, got "${name}"${didYouMean(name, names)}`,
    { context: { option: "format" } },
  );
}

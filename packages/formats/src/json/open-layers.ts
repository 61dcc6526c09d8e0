import { isDeepStrictEqual } from "node:util";
import type { FormatContext } from "@x/connector-api";
import { envelope } from "../schema/confluent-envelope.js";
import { openRegistry, resolveSinkSchema } from "../schema/registry-options.js";
import { jsonSchemaOf } from "./connect-schema.js";
import { DEFAULT_MAX_INFLATED_BYTES, type JsonOptions } from "./json-options.js";
import type { PayloadLayers } from "./payload-layers.js";

/** The layers of a source. */
export function readingLayers(options: JsonOptions): PayloadLayers {
  return {
    envelope: options.schemaRegistry !== undefined,
    gzip: options.compression === "gzip",
    maxInflatedBytes: options.maxInflatedSize ?? DEFAULT_MAX_INFLATED_BYTES,
  };
}

/** The layers of a sink: with a registry, the JSON Schema of the columns is registered, or must be the latest. */
export async function openWritingLayers(options: JsonOptions, context: FormatContext): Promise<PayloadLayers> {
  const layers = readingLayers(options);
  const { schemaRegistry } = options;
  if (schemaRegistry === undefined) return { ...layers, envelope: false };
  const client = await openRegistry(schemaRegistry, context);
  const own = schemaRegistry.autoRegister === true ? JSON.stringify(jsonSchemaOf(context.schema)) : undefined;
  const isSame = (a: string, b: string): boolean => isDeepStrictEqual(JSON.parse(a), JSON.parse(b));
  const { id } = await resolveSinkSchema(client, schemaRegistry, "JSON", own, isSame);
  return { ...layers, envelope: envelope(id) };
}

import { ConnectorError, type JsonObject, type JsonValue, kindOf } from "@x/connector-api";
import { z } from "zod";

/** Parses stored configuration. Throws OPTION_INVALID naming the path, never the value: it may be a secret. */
export function parseStored<T>(schema: z.ZodType<T>, value: unknown, what: string): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const path = [what, ...(issue?.path ?? []).map(String)].join(".");
  throw new ConnectorError("OPTION_INVALID", `${path}: ${issue?.message ?? `unexpected ${kindOf(value)}`}`, {
    context: { path },
  });
}

/** A field with what a form shows of it; `option` is its name in WITH. */
export function documented<Schema extends z.ZodType>(
  schema: Schema,
  option: string,
  title: string,
  description: string,
  examples?: readonly JsonValue[],
): Schema {
  return schema.meta({ title, description, "x-option": option, ...(examples === undefined ? {} : { examples }) });
}

/** A JSON Schema 2020-12 of what may be written, for forms. `x-option` is the name of a field in WITH. */
export function describeStored(schema: z.ZodType): JsonObject {
  return z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }) as JsonObject;
}

/** The object without the keys that hold `undefined`, so that defaults and absent keys mean the same. */
export function compact<T extends object>(value: T): { [Key in keyof T]: Exclude<T[Key], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, held]) => held !== undefined)) as never;
}

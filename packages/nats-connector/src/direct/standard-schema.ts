import { type ConnectionSchema, ConnectorError, type Decoder, type Encoder, type Row } from "@x/connector-api";

/**
 * A schema of zod, valibot, arktype or any other library that keeps to Standard Schema v1
 * (https://standardschema.dev): the part of that interface that is called here.
 */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly "~standard": {
    readonly version: 1;
    /** The library, for errors. */
    readonly vendor: string;
    /** Must answer at once: a promise is refused with SCHEMA_INVALID when the first row gives one. */
    readonly validate: (value: unknown) => Validation<Output> | Promise<Validation<Output>>;
    /** For the compiler alone. */
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  };
}

/** Issues: the value is refused. Their messages may quote it, so only their paths are read. */
export type Validation<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly Issue[] };

interface Issue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** The columns of a table whose rows a Standard Schema validates: none. */
interface ValidatedSchema extends ConnectionSchema {
  readonly validator: StandardSchema;
}

/** A Standard Schema as the schema of a table without columns; a schema of columns as it is. */
export function toConnectionSchema(schema: ConnectionSchema | StandardSchema): ConnectionSchema {
  if (!("~standard" in schema)) return schema;
  const validated: ValidatedSchema = { columns: [], validator: schema };
  return validated;
}

/** The Standard Schema that {@link toConnectionSchema} was given. */
export function validatorOf(schema: ConnectionSchema): StandardSchema | undefined {
  return (schema as Partial<ValidatedSchema>).validator;
}

/** Hands on what the validator of the schema, if it has one, makes of each decoded row. */
export function validatingDecoder(decoder: Decoder, schema: ConnectionSchema): Decoder {
  const validator = validatorOf(schema);
  if (validator === undefined) return decoder;
  const decode: Decoder["decode"] = (payload, rows) => {
    const from = rows.length;
    decoder.decode(payload, rows);
    for (let i = from; i < rows.length; i++) rows[i] = validate(rows[i], validator);
  };
  const prepare = decoder.prepare?.bind(decoder);
  return prepare === undefined ? { decode } : { decode, prepare };
}

/** Encodes what the validator of the schema, if it has one, makes of a row. */
export function validatingEncoder(encoder: Encoder, schema: ConnectionSchema): Encoder {
  const validator = validatorOf(schema);
  if (validator === undefined) return encoder;
  return { encode: (row) => encoder.encode(validate(row, validator)) };
}

function validate(row: unknown, { "~standard": standard }: StandardSchema): Row {
  const { vendor } = standard;
  const result = standard.validate(row);
  if ("then" in result) {
    result.catch(() => {});
    const text = `the ${vendor} schema validates asynchronously; rows need one that answers at once`;
    throw new ConnectorError("SCHEMA_INVALID", text);
  }
  if (!result.issues) return result.value as Row;
  const column = pathOf(result.issues[0]);
  const place = column === "" ? "the row" : `column "${column}"`;
  const more = result.issues.length > 1 ? `, and ${result.issues.length - 1} more` : "";
  throw new ConnectorError("BAD_DATA", `${place}: refused by the ${vendor} schema${more}`, { context: { column } });
}

function pathOf(issue: Issue | undefined): string {
  const keys = (issue?.path ?? []).map((part) => (typeof part === "object" ? part.key : part));
  return keys
    .map((key) => (typeof key === "number" ? `[${key}]` : `.${String(key)}`))
    .join("")
    .replace(/^\./, "");
}

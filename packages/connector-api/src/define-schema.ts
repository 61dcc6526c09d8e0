import type { Column, ConnectionSchema } from "./connection-schema.js";
import { ConnectorError } from "./errors.js";
import type { JsonValue, RowValue } from "./row.js";
import { parseColumn } from "./sql-type.js";

/** The row type of a schema that {@link defineSchema} made. */
export type InferRow<Schema> = Schema extends ConnectionSchema<infer R> ? R : never;

/**
 * A schema with its row type inferred: `defineSchema({ id: "BIGINT NOT NULL", at: "TIMESTAMP", note: "TEXT" })`.
 * Columns are nullable unless NOT NULL; `"TEXT METADATA FROM 'subject'"` is a metadata column. Declared order is the
 * order of the keys, so a column must not be named like an array index (`"0"`).
 * Throws SCHEMA_INVALID naming the column. A text the compiler cannot follow gives `RowValue`.
 */
export function defineSchema<const Columns extends Readonly<Record<string, string>>>(
  columns: Columns,
): ConnectionSchema<InferColumns<Columns>> {
  const parsed: Column[] = Object.entries(columns).map(([name, text]) => parseColumn(name, text));
  const index = parsed.find((column) => /^(0|[1-9]\d*)$/.test(column.name));
  if (index !== undefined) {
    throw new ConnectorError(
      "SCHEMA_INVALID",
      `column "${index.name}": JavaScript moves keys that are integers to the front, so the order would be lost; rename it`,
    );
  }
  return { columns: parsed };
}

/** The row type of column texts. */
export type InferColumns<Columns extends Readonly<Record<string, string>>> = {
  -readonly [Name in keyof Columns]: InferColumn<Columns[Name]>;
};

/** The value type of one column text, `null` included unless NOT NULL. */
export type InferColumn<Text extends string> =
  Uppercase<Trim<Text>> extends `STRUCT<${string}` | `STRUCT${Space}<${string}`
    ? StructColumn<Trim<Text>>
    : PlainColumn<Squeeze<Uppercase<Trim<Text>>>>;

type PlainColumn<Text extends string> = Text extends `${infer Type} NOT NULL${string}`
  ? PlainType<Trim<BeforeMetadata<Type>>>
  : Text extends `${string} METADATA FROM ${string} NOT NULL`
    ? PlainType<Trim<BeforeMetadata<Text>>>
    : PlainType<Trim<BeforeMetadata<Text>>> | null;

type BeforeMetadata<Text extends string> = Text extends `${infer Type} METADATA ${string}` ? Type : Text;

type PlainType<Type extends string> = Type extends `${infer Element}[]`
  ? (PlainType<Trim<Element>> | null)[]
  : Type extends keyof PlainTypes
    ? PlainTypes[Type]
    : Type extends `TIMESTAMP(${infer Precision})`
      ? Trim<Precision> extends keyof Precisions
        ? Precisions[Trim<Precision>]
        : RowValue
      : Type extends `${"DECIMAL" | "NUMERIC"}${string}(${string})`
        ? string
        : RowValue;

interface PlainTypes {
  BOOLEAN: boolean;
  SMALLINT: number;
  "SMALLINT UNSIGNED": number;
  INT: number;
  "INT UNSIGNED": number;
  INTEGER: number;
  "INTEGER UNSIGNED": number;
  BIGINT: number | bigint;
  "BIGINT UNSIGNED": number | bigint;
  REAL: number;
  FLOAT: number;
  DOUBLE: number;
  "DOUBLE PRECISION": number;
  TEXT: string;
  VARCHAR: string;
  UUID: string;
  BYTEA: Uint8Array;
  DATE: string;
  TIME: string;
  TIMESTAMP: Date;
  JSON: JsonValue;
}

interface Precisions {
  "0": Date;
  "1": Date;
  "2": Date;
  "3": Date;
  "4": bigint;
  "5": bigint;
  "6": bigint;
  "7": bigint;
  "8": bigint;
  "9": bigint;
}

/** What stands between the first `<` and the last `>`, and what stands behind it. */
type StructColumn<Text extends string> = Text extends `${string}<${infer Rest}`
  ? SplitAtLast<Rest> extends [infer Body extends string, infer Suffix extends string]
    ? StructSuffix<StructOf<SplitFields<Body>>, Trim<Suffix>>
    : RowValue
  : RowValue;

type StructSuffix<Type, Suffix extends string> = Suffix extends `[]${infer More}`
  ? StructSuffix<(Type | null)[], Trim<More>>
  : Uppercase<Suffix> extends `${string}NOT NULL${string}`
    ? Type
    : Type | null;

type SplitAtLast<Text extends string, Before extends string = ""> = Text extends `${infer Head}>${infer Tail}`
  ? Tail extends `${string}>${string}`
    ? SplitAtLast<Tail, `${Before}${Head}>`>
    : [`${Before}${Head}`, Tail]
  : never;

type StructOf<Fields extends readonly string[]> = {
  -readonly [Field in Fields[number] as FieldName<Trim<Field>>]: InferColumn<FieldType<Trim<Field>>>;
};

type FieldName<Field extends string> = Field extends `"${infer Name}" ${string}`
  ? Name
  : Field extends `${infer Name} ${string}`
    ? Name
    : never;

type FieldType<Field extends string> = Field extends `"${string}" ${infer Type}`
  ? Type
  : Field extends `${string} ${infer Type}`
    ? Type
    : never;

/** Splits at the commas that stand outside `<>` and `()`. */
type SplitFields<
  Text extends string,
  Done extends readonly string[] = [],
  Open extends string = "",
> = Text extends `${infer Head},${infer Tail}`
  ? IsBalanced<`${Open}${Head}`> extends true
    ? SplitFields<Tail, [...Done, `${Open}${Head}`]>
    : SplitFields<Tail, Done, `${Open}${Head},`>
  : [...Done, `${Open}${Text}`];

type IsBalanced<Text extends string> = [Count<Text, "<">, Count<Text, "(">] extends [Count<Text, ">">, Count<Text, ")">]
  ? true
  : false;

type Count<
  Text extends string,
  Char extends string,
  Found extends readonly unknown[] = [],
> = Text extends `${string}${Char}${infer Rest}` ? Count<Rest, Char, [...Found, 0]> : Found["length"];

type Space = " " | "\n" | "\t" | "\r";

/** One space for any number of blanks, and none before a bracket. */
type Squeeze<Text extends string> = Replace<
  Replace<Replace<Replace<Replace<Replace<Text, "\n", " ">, "\t", " ">, "\r", " ">, "  ", " ">, " (", "(">,
  " [",
  "["
>;

type Replace<
  Text extends string,
  From extends string,
  To extends string,
> = Text extends `${infer Head}${From}${infer Tail}` ? Replace<`${Head}${To}${Tail}`, From, To> : Text;

type Trim<Text extends string> = Text extends `${Space}${infer Rest}` | `${infer Rest}${Space}` ? Trim<Rest> : Text;

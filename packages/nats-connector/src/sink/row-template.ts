import {
  type Column,
  type ConnectionSchema,
  ConnectorError,
  didYouMean,
  type Row,
  type SqlType,
} from "@x/connector-api";

/** Text of a non-null value of one column. Throws BAD_DATA for a value that is not of the column's type. */
export type ValueText = (value: NonNullable<Row[string]>) => string;

/** A column named in a template. */
export interface TemplateColumn {
  readonly name: string;
  readonly type: SqlType;
  readonly text: ValueText;
}

/**
 * A template such as `orders.{region}.{id}`: `literals` has one entry more than `columns`, and the text is
 * `literals[0] columns[0] literals[1] …`.
 *
 * How a value becomes text: integers as digits, booleans as `true` and `false`, TEXT, UUID, DATE, TIME and DECIMAL as
 * they are, TIMESTAMP as RFC 3339 in UTC with the column's digits, REAL and DOUBLE as JavaScript prints them.
 * BYTEA, JSON, arrays and structs have no text.
 */
export interface RowTemplate {
  /** As the user wrote it. */
  readonly source: string;
  readonly literals: readonly string[];
  readonly columns: readonly TemplateColumn[];
}

/**
 * Compiles a template against the columns of a sink. `option` names it in errors. A column is found by its exact name,
 * else without regard to case where that is unambiguous. Without columns any key of a row may be named, and each value
 * is written as its own kind says. Throws OPTION_INVALID for an unknown column, a column without
 * text, and a brace that opens or closes nothing.
 */
export function parseRowTemplate(option: string, source: string, schema: ConnectionSchema): RowTemplate {
  const parts = source.split(/\{([^{}]*)\}/);
  const literals = parts.filter((_, index) => index % 2 === 0);
  const stray = literals.find((literal) => /[{}]/.test(literal));
  if (stray !== undefined) {
    throw new ConnectorError(
      "OPTION_INVALID",
      `${option}: "${source}" has a brace without its partner; write {column}`,
    );
  }
  const columns = parts.filter((_, index) => index % 2 === 1).map((name) => resolve(option, name.trim(), schema));
  return { source, literals, columns };
}

function resolve(option: string, name: string, schema: ConnectionSchema): TemplateColumn {
  if (schema.columns.length === 0) return { name, type: { kind: "json" }, text: anyText(name) };
  const column = findColumn(name, schema);
  if (column === undefined) {
    const names = schema.columns.map((each) => each.name);
    const hint = didYouMean(name, names) || `; columns: ${names.join(", ")}`;
    throw new ConnectorError("OPTION_INVALID", `${option}: unknown column "${name}"${hint}`);
  }
  const text = textOf(column);
  if (text === undefined) {
    const message = `${option}: column "${column.name}" is ${column.type.kind}, which has no text form for a template`;
    throw new ConnectorError("OPTION_INVALID", message);
  }
  return { name: column.name, type: column.type, text };
}

function findColumn(name: string, schema: ConnectionSchema): Column | undefined {
  const exact = schema.columns.find((column) => column.name === name);
  if (exact !== undefined) return exact;
  const folded = schema.columns.filter((column) => column.name.toLowerCase() === name.toLowerCase());
  return folded.length === 1 ? folded[0] : undefined;
}

function wrongValue(name: string, expected: string): ConnectorError {
  return new ConnectorError("BAD_DATA", `column "${name}": expected ${expected}`, { context: { column: name } });
}

/** Text of a value whose column is not declared. */
function anyText(name: string): ValueText {
  const instant = timestampText(3, (expected) => wrongValue(name, expected));
  return (value) => {
    switch (typeof value) {
      case "string":
        return value;
      case "boolean":
      case "bigint":
        return `${value}`;
      case "number":
        if (Number.isFinite(value)) return `${value}`;
        throw wrongValue(name, "a finite number");
      default:
        if (value instanceof Date) return instant(value);
        throw wrongValue(name, "text, a number, a boolean or a Date");
    }
  };
}

function textOf(column: Column): ValueText | undefined {
  const wrong = (expected: string): ConnectorError => wrongValue(column.name, expected);
  switch (column.type.kind) {
    case "integer":
      return (value) => {
        if (typeof value === "number" ? Number.isSafeInteger(value) : typeof value === "bigint") return `${value}`;
        throw wrong("an integer");
      };
    case "boolean":
      return (value) => {
        if (typeof value === "boolean") return value ? "true" : "false";
        throw wrong("a boolean");
      };
    case "float":
      return (value) => {
        if (typeof value === "number" && Number.isFinite(value)) return `${value}`;
        throw wrong("a finite number");
      };
    case "text":
    case "uuid":
    case "date":
    case "time":
    case "decimal":
      return (value) => {
        if (typeof value === "string") return value;
        throw wrong("text");
      };
    case "timestamp":
      return timestampText(column.type.precision, wrong);
    default:
      return undefined;
  }
}

function timestampText(precision: number, wrong: (expected: string) => ConnectorError): ValueText {
  if (precision <= 3) {
    return (value) => {
      if (value instanceof Date && !Number.isNaN(value.getTime())) return value.toISOString();
      throw wrong("a valid Date");
    };
  }
  const digits = precision <= 6 ? 6 : 9;
  const perSecond = 10n ** BigInt(digits);
  return (value) => {
    if (typeof value !== "bigint") throw wrong(`a bigint, ${digits === 6 ? "micro" : "nano"}seconds since the epoch`);
    const fraction = ((value % perSecond) + perSecond) % perSecond;
    const seconds = new Date(Number((value - fraction) / perSecond) * 1000);
    if (Number.isNaN(seconds.getTime())) throw wrong("a time within the range of Date");
    return `${seconds.toISOString().slice(0, -5)}.${fraction.toString().padStart(digits, "0")}Z`;
  };
}

import type { DuckDBValue } from "@duckdb/node-api";
import { ConnectorError, type RowValue, type SqlType } from "@x/connector-api";
import type { DuckdbApi } from "./open-duckdb.js";

/** Makes of a row's value one of the wire type. Never called with null. */
export type ToDuckdb = (value: RowValue) => DuckDBValue;
/** Makes of a value of the wire type a row's value. Never called with null. */
export type FromDuckdb = (value: DuckDBValue) => RowValue;

const keep = (value: unknown): never => value as never;

export function createToDuckdb(api: DuckdbApi, type: SqlType): ToDuckdb {
  switch (type.kind) {
    case "integer":
      return type.bits === 64 ? (value) => BigInt(value as number | bigint) : keep;
    case "bytes":
      return (value) => new api.DuckDBBlobValue(value as Uint8Array);
    case "timestamp":
      return timestampToDuckdb(api, type.precision);
    case "json":
      return (value) => printJson(value);
    case "array": {
      const element = createToDuckdb(api, type.element);
      const convert = (item: RowValue): DuckDBValue => (item === null ? null : element(item));
      return (value) => new api.DuckDBListValue((value as readonly RowValue[]).map(convert));
    }
    case "struct": {
      const fields = type.fields.map((field) => [field.name, createToDuckdb(api, field.type)] as const);
      return (value) => {
        const struct = value as { readonly [field: string]: RowValue };
        return new api.DuckDBStructValue(
          Object.fromEntries(
            fields.map(([name, convert]) => {
              const item = struct[name] ?? null;
              return [name, item === null ? null : convert(item)];
            }),
          ),
        );
      };
    }
    default:
      return keep;
  }
}

function timestampToDuckdb(api: DuckdbApi, precision: number): ToDuckdb {
  if (precision <= 3) {
    return (value) => {
      const time = (value as Date).getTime();
      if (Number.isNaN(time)) throw new ConnectorError("BAD_DATA", "a TIMESTAMP holds an invalid Date");
      return new api.DuckDBTimestampMillisecondsValue(BigInt(time));
    };
  }
  return precision <= 6
    ? (value) => new api.DuckDBTimestampValue(value as bigint)
    : (value) => new api.DuckDBTimestampNanosecondsValue(value as bigint);
}

function printJson(value: RowValue): string {
  try {
    return JSON.stringify(value);
  } catch (cause) {
    throw new ConnectorError("BAD_DATA", "a JSON column holds a value that JSON cannot", { cause });
  }
}

export function createFromDuckdb(type: SqlType): FromDuckdb {
  switch (type.kind) {
    case "integer":
      return type.bits === 64 ? safeInteger : keep;
    case "bytes":
      // A copy: the bytes that the binding gives are a view of memory that DuckDB reuses.
      return (value) => new Uint8Array((value as { bytes: Uint8Array }).bytes);
    case "timestamp":
      return timestampFromDuckdb(type.precision);
    case "json":
      return (value) => JSON.parse(value as string) as RowValue;
    case "array": {
      const element = createFromDuckdb(type.element);
      const convert = (item: DuckDBValue): RowValue => (item === null ? null : element(item));
      return (value) => (value as { items: readonly DuckDBValue[] }).items.map(convert);
    }
    case "struct": {
      const fields = type.fields.map((field) => [field.name, createFromDuckdb(field.type)] as const);
      return (value) => {
        const { entries } = value as { entries: Readonly<Record<string, DuckDBValue>> };
        return Object.fromEntries(
          fields.map(([name, convert]) => {
            const item = entries[name] ?? null;
            return [name, item === null ? null : convert(item)];
          }),
        );
      };
    }
    default:
      return keep;
  }
}

function safeInteger(value: DuckDBValue): RowValue {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : (value as bigint);
}

function timestampFromDuckdb(precision: number): FromDuckdb {
  if (precision > 6) return (value) => (value as { nanos: bigint }).nanos;
  if (precision > 3) return (value) => (value as { micros: bigint }).micros;
  return (value) => {
    const date = new Date(Number((value as { millis: bigint }).millis));
    if (!Number.isNaN(date.getTime())) return date;
    throw new ConnectorError("BAD_DATA", "an expression gives a time beyond the year 275760; filter such rows out");
  };
}

import type { DuckDBValue } from "@duckdb/node-api";
import { ConnectorError, parseExactJson, printJson, type RowValue, type SqlType } from "@x/connector-api";
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
    case "time":
      return timeToDuckdb;
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
  const create = precision <= 6 ? api.DuckDBTimestampValue : api.DuckDBTimestampNanosecondsValue;
  return (value) => {
    const time = value as bigint;
    // The two ends of 64 bits are DuckDB's infinities; beyond them the binding would wrap around.
    if (time < infinity && time > -infinity) return new create(time);
    throw new ConnectorError("BAD_DATA", `a TIMESTAMP(${precision}) is beyond the 64 bits that DuckDB computes with`);
  };
}

const infinity = 2n ** 63n - 1n;

/** DuckDB's TIME has microseconds, and its cast cuts off what is finer. */
function timeToDuckdb(value: RowValue): DuckDBValue {
  if (!/\.\d{6}\d*[1-9]/.test(value as string)) return value as string;
  throw new ConnectorError("BAD_DATA", "a TIME has digits below the microseconds that DuckDB computes with");
}

export function createFromDuckdb(type: SqlType): FromDuckdb {
  switch (type.kind) {
    case "integer":
      return type.bits === 64 ? safeInteger : keep;
    case "bytes":
      // A copy: the bytes that the binding gives are a view of memory that DuckDB reuses.
      return (value) => new Uint8Array((value as { bytes: Uint8Array }).bytes);
    case "decimal":
      // DuckDB leaves out the zero before the point.
      return (value) => (value as string).replace(/^-?(?=\.)/, (sign) => `${sign}0`);
    case "date":
      return (value) => dateFromDuckdb(value as string);
    case "timestamp":
      return timestampFromDuckdb(type.precision);
    case "json":
      return (value) => parseJson(value as string);
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

/** A double holds every number of 15 digits. */
function parseJson(text: string): RowValue {
  return (/\d{16}/.test(text) ? parseExactJson(text) : JSON.parse(text)) as RowValue;
}

function safeInteger(value: DuckDBValue): RowValue {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : (value as bigint);
}

function timestampFromDuckdb(precision: number): FromDuckdb {
  if (precision > 6) return (value) => finite((value as { nanos: bigint }).nanos);
  if (precision > 3) return (value) => finite((value as { micros: bigint }).micros);
  return (value) => {
    const date = new Date(Number((value as { millis: bigint }).millis));
    if (!Number.isNaN(date.getTime())) return date;
    throw new ConnectorError("BAD_DATA", "an expression gives a time beyond the year 275760; filter such rows out");
  };
}

function finite(time: bigint): bigint {
  if (time !== infinity && time !== -infinity) return time;
  throw new ConnectorError("BAD_DATA", "an expression gives an infinite time; filter such rows out");
}

/** DuckDB prints the year 0 as "0001 (BC)", and has infinite dates. */
function dateFromDuckdb(text: string): string {
  if (/^\d{4,6}-\d\d-\d\d$/.test(text)) return text;
  if (text.startsWith("0001-") && text.endsWith(" (BC)")) return `0000${text.slice(4, 10)}`;
  throw new ConnectorError("BAD_DATA", "an expression gives a date before the year 0 or without an end; filter it out");
}

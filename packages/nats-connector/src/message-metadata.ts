import {
  type Column,
  type ConnectionSchema,
  ConnectorError,
  didYouMean,
  type MetadataColumn,
  type MetadataField,
  type MetadataReader,
  printSqlType,
  type RowValue,
  type SqlType,
} from "@x/connector-api";
import { replyStream, replyToken } from "./jetstream/ack-reply.js";
import type { NatsMessage } from "./nats-client.js";

type Reader = MetadataReader<NatsMessage>;

interface MetadataKey extends MetadataColumn {
  /** True when a Core message has it too. */
  readonly core: boolean;
  /** The reader for a column of this type. */
  compile(column: Column, name: string, core: boolean): Reader;
}

const text: SqlType = { kind: "text" };
const int: SqlType = { kind: "integer", bits: 32, unsigned: false };
const bigint: SqlType = { kind: "integer", bits: 64, unsigned: false };

/** The number at a place of the reply, counted from `<delivered>`. */
const number = (index: number) => (): Reader => (message) => {
  const token = replyToken(message.reply, index);
  return token === undefined ? null : Number(token);
};

/** Every key of `METADATA FROM`. A literal list: adding a key is one entry. */
const keys: readonly MetadataKey[] = [
  {
    key: "subject",
    type: text,
    core: true,
    description: "subject the message was published to",
    compile: () => (message) => message.subject,
  },
  {
    key: "stream",
    type: text,
    core: false,
    description: "name of the stream",
    compile: () => (message) => replyStream(message.reply) ?? null,
  },
  { key: "stream_sequence", type: bigint, core: false, description: "sequence in the stream", compile: number(1) },
  {
    key: "consumer_sequence",
    type: bigint,
    core: false,
    description: "number of the delivery; begins anew with each consumer",
    compile: number(2),
  },
  {
    key: "timestamp",
    type: { kind: "timestamp", precision: 3 },
    core: true,
    description: "when the stream stored the message; on a Core source, when it was received",
    compile: compileTimestamp,
  },
  {
    key: "num_pending",
    type: bigint,
    core: false,
    description: "messages behind this one at the time of delivery",
    compile: number(4),
  },
  { key: "num_delivered", type: int, core: false, description: "times it was delivered", compile: number(0) },
  {
    key: "reply",
    type: text,
    core: true,
    description: "reply subject",
    compile: () => (message) => message.reply || null,
  },
  {
    key: "headers",
    type: { kind: "json" },
    core: true,
    description: "all headers, name to list of values",
    compile: () => (message) => (message.headers === undefined ? {} : Object.fromEntries(message.headers)),
  },
  {
    key: "header.<Name>",
    type: text,
    core: true,
    description: "first value of one header",
    compile: (_column, name) => (message) => (message.headers?.has(name) ? message.headers.get(name) : null),
  },
  {
    key: "size",
    type: int,
    core: true,
    description: "bytes of the payload",
    compile: () => (message) => message.data.length,
  },
];

const HEADER = "header.";

/** What a table may declare, for hosts. */
export const metadataColumns: readonly MetadataColumn[] = keys.map(({ key, type, description }) => ({
  key,
  type,
  description,
}));

/**
 * Readers of the metadata columns of a table. Throws SCHEMA_INVALID for an unknown key, a key that a Core source does
 * not have, and a column whose type cannot hold it.
 */
export function compileMetadata(
  fields: readonly MetadataField[],
  schema: ConnectionSchema,
  core: boolean,
): readonly (readonly [string, Reader])[] {
  return fields.map((field) => {
    const isHeader = field.key.startsWith(HEADER) && field.key.length > HEADER.length;
    const known = keys.find((each) => each.key === (isHeader ? "header.<Name>" : field.key));
    if (known === undefined) {
      const names = keys.map((each) => each.key);
      throw invalid(
        `unknown metadata key "${field.key}"${didYouMean(field.key, names)}; known are ${names.join(", ")}`,
      );
    }
    if (core && !known.core) {
      throw invalid(`metadata key "${field.key}" needs a stream; a Core subject has no such thing`);
    }
    const column = schema.columns.find((each) => each.name === field.fieldName) ?? {
      name: field.fieldName,
      type: known.type,
      nullable: true,
    };
    if (!holds(column.type, known.type)) {
      const wanted = printSqlType(known.type);
      throw invalid(
        `column "${column.name}" is ${printSqlType(column.type)}, but metadata '${field.key}' is ${wanted}`,
      );
    }
    const read = known.compile(column, field.key.slice(HEADER.length), core);
    return [field.fieldName, column.nullable ? read : required(read, column.name, field.key)];
  });
}

/** A reader for a NOT NULL column: a message without the value is bad data. */
function required(read: Reader, column: string, key: string): Reader {
  return (message) => {
    const value = read(message);
    if (value !== null) return value;
    throw new ConnectorError("BAD_DATA", `column "${column}" is NOT NULL, but the message has no ${key}`);
  };
}

function holds(column: SqlType, value: SqlType): boolean {
  if (column.kind !== value.kind) return false;
  return column.kind !== "integer" || value.kind !== "integer" || column.bits >= value.bits;
}

/** Date up to milliseconds, bigint beyond, as RowValue has it. */
function compileTimestamp(column: Column, _name: string, core: boolean): Reader {
  const precision = column.type.kind === "timestamp" ? column.type.precision : 3;
  const nanoseconds = (message: NatsMessage): bigint =>
    core ? BigInt(Date.now()) * 1_000_000n : BigInt(replyToken(message.reply, 3) ?? "0");
  if (precision > 6) return nanoseconds;
  if (precision > 3) return (message) => nanoseconds(message) / 1000n;
  return (message): RowValue => new Date(Number(nanoseconds(message) / 1_000_000n));
}

function invalid(message: string): ConnectorError {
  return new ConnectorError("SCHEMA_INVALID", message);
}

/** Names a message in an error. */
export function describeJetStreamMessage(message: NatsMessage): string {
  return `message ${replyToken(message.reply, 1)} of stream "${replyStream(message.reply)}" (subject "${message.subject}")`;
}

export function describeCoreMessage(message: NatsMessage): string {
  return `message on subject "${message.subject}"`;
}

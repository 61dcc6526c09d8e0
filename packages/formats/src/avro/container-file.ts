import { randomBytes } from "node:crypto";
import { crc32, inflateRawSync } from "node:zlib";
import { ConnectorError, type Row } from "@x/connector-api";
import type { Avsc } from "./avsc-types.js";
import type { DatumReader } from "./datum-reader.js";
import type { DatumWriter } from "./datum-writer.js";
import { overrun, type Tap } from "./guarded-tap.js";
import { parseAvroSchema } from "./schema-model.js";
import { unsnappy } from "./snappy.js";

/** What the blocks of one payload may unpack to, all together. */
const maxUnpackedBytes = 64 * 1024 * 1024;

/** Rows of one payload: packed, a record may take less than a bit, and its row takes a hundred bytes. */
const maxRecords = 2 ** 22;

const magic = Buffer.from([0x4f, 0x62, 0x6a, 0x01]);
const SYNC_BYTES = 16;

const metadataSchema = parseAvroSchema('{"type":"map","values":"bytes"}', "the file header");

/** How the blocks of a file are packed: from what is stored to the data, of which there may be so much. */
const codecs: { readonly [name: string]: ((stored: Buffer, maxBytes: number) => Buffer) | undefined } = {
  null: (stored) => stored,
  deflate: inflate,
  snappy: uncompress,
};

/** Reads object container files, one per call. */
export function createContainerReader(
  avsc: Avsc,
  readerOf: (schema: string) => DatumReader,
): (payload: Buffer, rows: Row[]) => void {
  const metadata = avsc.createType(metadataSchema, false);
  const tap = avsc.createReadTap();
  return (payload, rows) => {
    if (payload.length < 4 || !payload.subarray(0, 4).equals(magic)) {
      throw badFile("it does not begin as one; avro.raw_datums reads bare records");
    }
    tap.buf = payload;
    tap.pos = 4;
    const { "avro.schema": schema, "avro.codec": codec } = cut(() => metadata._read(tap)) as Record<string, Buffer>;
    const sync = take(tap, SYNC_BYTES);
    const codecName = codec?.toString() ?? "null";
    const unpack = Object.hasOwn(codecs, codecName) ? codecs[codecName] : undefined;
    if (unpack === undefined) {
      const named = /^[\w-]{1,20}$/.test(codecName) ? codecName : "another";
      throw badFile(`its codec is ${named}; ${Object.keys(codecs).join(", ")} are read`);
    }
    const datum = readerOf(schema?.toString() ?? "");
    let room = maxUnpackedBytes;
    let left = maxRecords;
    while (tap.pos < payload.length) {
      const count = cut(() => tap.readLong());
      const size = cut(() => tap.readLong());
      const stored = take(tap, size);
      const block = unpack(stored, room);
      if (block !== stored) room -= block.length;
      if (count < 0 || count > Math.max(block.length, 1)) throw badFile("a block's count is wrong");
      left -= count;
      if (left < 0) throw badFile(`it holds more than ${maxRecords} records`);
      let at = 0;
      for (let i = 0; i < count; i++) {
        rows.push(datum.read(block, at));
        at = datum.end;
      }
      if (at !== block.length) throw badFile("a block is longer than its records");
      if (!take(tap, SYNC_BYTES).equals(sync)) throw badFile("a block does not end with the file's marker");
    }
  };
}

/** Writes one row per file, codec `null`. The marker between blocks is random, as the specification asks. */
export function createContainerWriter(schema: string, writer: DatumWriter): (row: Readonly<Row>) => Uint8Array {
  const sync = randomBytes(SYNC_BYTES);
  const entries = [
    ["avro.schema", schema],
    ["avro.codec", "null"],
  ].flatMap((pair) => pair.flatMap((text) => [zigzag(Buffer.byteLength(text as string)), Buffer.from(text as string)]));
  const header = Buffer.concat([magic, zigzag(2), ...entries, zigzag(0), sync]);
  const none = new Uint8Array();
  return (row) => {
    const datum = writer.write(row, none);
    return Buffer.concat([header, zigzag(1), zigzag(datum.length), datum, sync]);
  };
}

function zigzag(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = value * 2; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Buffer.from([...bytes, rest]);
    bytes.push((rest % 128) | 0x80);
  }
}

function take(tap: Tap, size: number): Buffer {
  const start = tap.pos;
  if (size < 0 || size > tap.buf.length - start) throw badFile("it ends too early");
  tap.pos = start + size;
  return tap.buf.subarray(start, tap.pos);
}

function cut<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (typeof error === "symbol") throw badFile(error === overrun ? "it ends too early" : "a size is wrong");
    throw error;
  }
}

function inflate(stored: Buffer, maxBytes: number): Buffer {
  try {
    // Node takes no limit of zero.
    return inflateRawSync(stored, { maxOutputLength: Math.max(maxBytes, 1) });
  } catch {
    throw badFile(`its blocks do not inflate, or to more than ${maxUnpackedBytes} bytes`);
  }
}

/** A Snappy block, and behind it the CRC-32 of the data. */
function uncompress(stored: Buffer, maxBytes: number): Buffer {
  const end = stored.length - 4;
  const data = end < 0 ? undefined : unsnappy(stored.subarray(0, end), maxBytes);
  if (data !== undefined && crc32(data) === stored.readUInt32BE(end)) return data;
  throw badFile(
    `a block is no Snappy block, does not match its checksum, or they have more than ${maxUnpackedBytes} bytes`,
  );
}

function badFile(reason: string): ConnectorError {
  return new ConnectorError("BAD_DATA", `the payload is no Avro object container file that can be read: ${reason}`);
}

import { open, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ConnectorError } from "@x/connector-api";
import { toFileError } from "./file-error.mjs";

/**
 * @typedef {import("@x/connector-api").SplitCollector<Line>} Split
 * @typedef {{ readonly file: string, readonly offset: number }} Line what is known of a payload: where its line begins
 * @typedef {object} FolderSourceOptions
 * @property {string} folder
 * @property {import("@x/connector-api").BadDataConfig} badData
 * @property {() => Promise<import("@x/connector-api").Decoder> | undefined} openDecoder
 * @property {readonly import("@x/connector-api").MetadataField[]} metadataFields
 */

/** @type {readonly import("@x/connector-api").MetadataColumn[]} */
export const metadataColumns = [
  { key: "file", type: { kind: "text" }, description: "Name of the file" },
  { key: "offset", type: { kind: "integer", bits: 64, unsigned: false }, description: "Byte where the line begins" },
];

const LF = 0x0a;
const CHUNK_BYTES = 64 * 1024;
const MAX_LINE_BYTES = 16 * 1024 * 1024;
const POLL_MS = 200;

/**
 * Reads the files of a folder, each a split of its own whose position is the byte behind the last line handed on. A line
 * counts once its newline is there, so a file may still be written to. A file that is removed is done with.
 * @param {FolderSourceOptions} options
 * @returns {import("@x/connector-api").SourceOperator}
 */
export function createFolderSource({ folder, badData, openDecoder, metadataFields }) {
  /** @type {import("@x/connector-api").Decoder | undefined} */
  let decoder;
  /** Where each file is read from next, which is ahead of what was handed on. @type {Map<string, number>} */
  const offsets = new Map();
  /** What a start begins with: positions for a file whose first batch has not been handed on. */
  let begun = new Map(offsets);
  /** @type {Map<string, Split>} */
  const splits = new Map();
  /** Sizes when it was opened: the end to catch up with. @type {Map<string, number> | undefined} */
  let targets;

  return {
    name: `folder ${folder}`,

    async open(context) {
      decoder = await openDecoder();
      const sizes = await sizesIn(folder);
      const positions = context.committed ?? new Map([...(context.restored ?? [])].map(([k, v]) => [k, v.offset]));
      for (const [file, size] of sizes) {
        const offset = Number(positions.get(file) ?? 0);
        if (offset > size) {
          const gap = `file "${file}" in ${folder} has ${size} bytes, but ${offset} were read: it was cut or replaced`;
          throw new ConnectorError("DATA_GAP", gap, { context: { file, size, offset } });
        }
        offsets.set(file, offset);
      }
      begun = new Map(offsets);
      if (context.untilCaughtUp) targets = sizes;
    },

    async run(context, collector) {
      if (decoder === undefined) throw new ConnectorError("UNSUPPORTED", "this format cannot be read");
      collector.initialize({
        decoder,
        badData,
        metadata: metadataFields.map(({ fieldName, key }) => [fieldName, key === "file" ? fileOf : offsetOf]),
        describe: ({ file, offset }) => `file "${file}", line at byte ${offset}`,
      });
      const stop = AbortSignal.any([context.signal, context.drain]);
      while (!stop.aborted) {
        for (const [file, size] of targets ?? (await sizesIn(folder))) {
          const split = splits.get(file) ?? collector.split(file);
          splits.set(file, split);
          const lines = linesOf(join(folder, file), offsets.get(file) ?? 0, size);
          for await (const { bytes, offset } of lines) {
            // Ask for no more while downstream is full. The wait ends with an error when the pipeline stops at once.
            if (!collector.hasRoom) {
              await collector.room().catch((error) => {
                if (!context.signal.aborted) throw error;
              });
            }
            if (stop.aborted) break;
            const next = offset + bytes.length + 1;
            try {
              split.collect(bytes, next, { file, offset });
            } catch (error) {
              collector.flush(); // What was read before the bad line is not lost with it.
              throw error;
            }
            offsets.set(file, next);
          }
          if (stop.aborted) break;
          const rest = size - (offsets.get(file) ?? 0);
          if (targets !== undefined && rest > 0) context.logger.warn({ file, bytes: rest }, "the last line has no end");
        }
        if (targets !== undefined) break;
        if (!stop.aborted) await sleep(POLL_MS, undefined, { signal: stop }).catch(() => {});
      }
      if (context.signal.aborted) return "immediate";
      collector.flush();
      return context.drain.aborted ? "graceful" : "final";
    },

    // Exactly what was handed on: not what was read ahead.
    snapshot() {
      const ends = new Map(begun);
      for (const [file, split] of splits) ends.set(file, Number(split.handedOn ?? begun.get(file) ?? 0));
      return new Map([...ends].map(([file, offset]) => [file, { v: 1, offset }]));
    },
    async checkpointCompleted() {},
    async close() {},
  };
}

/** @type {import("@x/connector-api").MetadataReader<Line>} */
const fileOf = ({ file }) => file;
/** @type {import("@x/connector-api").MetadataReader<Line>} */
const offsetOf = ({ offset }) => offset;

/**
 * The files of a folder, by name, with their sizes.
 * @param {string} folder
 * @returns {Promise<Map<string, number>>}
 */
async function sizesIn(folder) {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    const names = entries.filter((entry) => entry.isFile() && !entry.name.startsWith(".")).map(({ name }) => name);
    const sizes = names
      .sort()
      .map(async (name) => /** @type {const} */ ([name, (await stat(join(folder, name))).size]));
    return new Map(await Promise.all(sizes));
  } catch (error) {
    throw toFileError(error, `read the folder ${folder}`);
  }
}

/**
 * The finished lines between two offsets, without their newline, byte for byte.
 * @param {string} path
 * @param {number} from
 * @param {number} to
 * @returns {AsyncGenerator<{ readonly bytes: Uint8Array, readonly offset: number }, void, undefined>}
 */
async function* linesOf(path, from, to) {
  if (from >= to) return;
  const file = await open(path).catch((error) => {
    throw toFileError(error, `read ${path}`);
  });
  try {
    let rest = Buffer.alloc(0);
    for (let at = from; at < to; ) {
      const chunk = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, to - at));
      const { bytesRead } = await file.read(chunk, 0, chunk.length, at);
      if (bytesRead === 0) return;
      const begin = at - rest.length;
      at += bytesRead;
      const bytes = Buffer.concat([rest, chunk.subarray(0, bytesRead)]);
      let start = 0;
      for (let end = bytes.indexOf(LF); end !== -1; end = bytes.indexOf(LF, start)) {
        yield { bytes: bytes.subarray(start, end), offset: begin + start };
        start = end + 1;
      }
      rest = bytes.subarray(start);
      if (rest.length > MAX_LINE_BYTES) {
        throw new ConnectorError("BAD_DATA", `${path}: the line at byte ${begin + start} is longer than 16 MiB`);
      }
    }
  } finally {
    await file.close();
  }
}

import { open } from "node:fs/promises";
import { ConnectorError, createSinkEncoder } from "@x/connector-api";
import { toFileError } from "./file-error.mjs";

/**
 * @typedef {object} FileSinkOptions
 * @property {string} file
 * @property {import("@x/connector-api").BadDataConfig} badData
 * @property {() => Promise<import("@x/connector-api").Encoder> | undefined} openEncoder
 */

const LF = Buffer.from("\n");

/**
 * Appends a line per row; `flush` is an fsync. At least once: rows behind the last checkpoint are appended again after
 * a crash.
 * @param {FileSinkOptions} options
 * @returns {import("@x/connector-api").SinkOperator}
 */
export function createFileSink({ file, badData, openEncoder }) {
  /** @type {import("node:fs/promises").FileHandle | undefined} */
  let handle;
  /** @type {import("@x/connector-api").SinkEncoder | undefined} */
  let encoder;
  /** @type {import("@x/connector-api").OperatorContext | undefined} */
  let context;
  /** Writes go one behind the other; a flush waits for those before it. @type {Promise<void>} */
  let written = Promise.resolve();
  let unconfirmed = 0;

  const opened = () => {
    if (handle !== undefined && encoder !== undefined && context !== undefined) return { handle, encoder, context };
    throw new ConnectorError("CLOSED", `the sink to ${file} is not open`);
  };

  return {
    name: `file ${file}`,

    async open(given) {
      const format = await openEncoder();
      if (format === undefined) throw new ConnectorError("UNSUPPORTED", "this format cannot be written");
      try {
        handle = await open(file, "a+");
        await endLastLine(handle);
      } catch (error) {
        throw toFileError(error, `open ${file}`);
      }
      context = given;
      encoder = createSinkEncoder(format, badData, given.counters);
      return {};
    },

    // The promise is the backpressure: the host waits for it before it hands over the next batch.
    processBatch(batch) {
      const { handle, encoder } = opened();
      /** @type {Uint8Array[]} */
      const lines = [];
      try {
        for (const row of batch.rows) {
          const payload = encoder.encode(row);
          if (payload === undefined) continue; // refused, and bad_data = 'drop'
          if (payload.includes(10))
            encoder.refuse(new ConnectorError("BAD_DATA", "a payload with a newline is no line"));
          else lines.push(payload, LF);
        }
      } finally {
        // Rows before one that is refused are written: they came first.
        const bytes = Buffer.concat(lines);
        if (bytes.length > 0) written = written.then(() => handle.appendFile(bytes));
        written.catch(() => {}); // told below, and by flush
        unconfirmed += lines.length / 2;
      }
      return written.catch((error) => {
        throw toFileError(error, `write ${file}`);
      });
    },

    async flush() {
      const { handle, context } = opened();
      const rows = unconfirmed;
      unconfirmed = 0;
      try {
        await written;
        await handle.sync();
      } catch (error) {
        throw toFileError(error, `write ${file}`);
      }
      context.counters.rowsOut += rows;
    },

    async close() {
      const closing = handle;
      handle = undefined;
      await written.catch(() => {});
      await closing?.close();
    },
  };
}

/**
 * A crash may leave half a line; the next one must not be glued to it.
 * @param {import("node:fs/promises").FileHandle} handle
 */
async function endLastLine(handle) {
  const { size } = await handle.stat();
  if (size === 0) return;
  const { buffer } = await handle.read(Buffer.alloc(1), 0, 1, size - 1);
  if (buffer[0] !== LF[0]) await handle.appendFile(LF);
}

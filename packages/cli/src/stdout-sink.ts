import { ConnectorError, type OperatorContext, type RecordBatch, type Row, type SinkOperator } from "@x/connector-api";
import { renderJsonLine } from "./render/json-value.js";

/**
 * Prints rows, as JSON lines unless `render` says otherwise. A row counts as out once the stream took it. When the reader
 * closes the pipe (`| head`), `closed` is called, which ends the pipeline as it stands: the row that could not be written
 * fails its batch, so that no checkpoint covers it. Whatever else ends the stream (a full disk) is an error.
 */
export function createStdoutSink(
  stdout: NodeJS.WritableStream,
  closed: () => void,
  render: (row: Readonly<Row>) => string = renderJsonLine,
): SinkOperator {
  let context: OperatorContext | undefined;
  const write = (text: string): Promise<void> =>
    new Promise((resolve, reject) => {
      stdout.write(text, (cause?: NodeJS.ErrnoException | null) => {
        if (cause === undefined || cause === null) return resolve();
        if (cause.code === "EPIPE") closed();
        reject(new ConnectorError("UNEXPECTED", `stdout cannot be written: ${cause.code ?? cause.message}`, { cause }));
      });
    });
  return {
    name: "stdout",
    async open(given) {
      context = given;
      return {};
    },
    async processBatch(batch: RecordBatch) {
      if (context === undefined) throw new ConnectorError("CLOSED", "the stdout sink is not open");
      if (batch.rows.length === 0) return;
      await write(batch.rows.map(render).join(""));
      context.counters.rowsOut += batch.rows.length;
    },
    // Each batch waits for its own rows.
    async flush() {},
    async close() {},
  };
}

import { ConnectorError, type OperatorContext, type RecordBatch, type Row, type SinkOperator } from "@x/connector-api";
import { renderJsonLine } from "./render/json-value.js";

/**
 * Prints rows, as JSON lines unless `render` says otherwise. A row counts as out once the stream took it; when the reader closes
 * the pipe (`| head`), `closed` is called once and further rows are dropped without an error.
 */
export function createStdoutSink(
  stdout: NodeJS.WritableStream,
  closed: () => void,
  render: (row: Readonly<Row>) => string = renderJsonLine,
): SinkOperator {
  let context: OperatorContext | undefined;
  let pipeClosed = false;
  const onError = (error: NodeJS.ErrnoException): void => {
    if (pipeClosed) return;
    pipeClosed = true;
    if (error.code === "EPIPE") closed();
  };
  const write = async (text: string): Promise<void> => {
    if (pipeClosed || stdout.write(text)) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        for (const event of ["drain", "error", "close"]) stdout.off(event, done);
        resolve();
      };
      for (const event of ["drain", "error", "close"]) stdout.on(event, done);
    });
  };
  return {
    name: "stdout",
    async open(given) {
      context = given;
      stdout.on("error", onError);
      return {};
    },
    async processBatch(batch: RecordBatch) {
      if (context === undefined) throw new ConnectorError("CLOSED", "the stdout sink is not open");
      if (batch.rows.length === 0) return;
      await write(batch.rows.map(render).join(""));
      if (!pipeClosed) context.counters.rowsOut += batch.rows.length;
    },
    async flush() {},
    async close() {
      stdout.off("error", onError);
    },
  };
}

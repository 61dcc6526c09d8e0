import {
  ConnectorError,
  type OperatorContext,
  type RecordBatch,
  type RowValue,
  type SinkOperator,
} from "@x/connector-api";

/**
 * The sink of a bare SELECT: rows as JSON lines. A row counts as out once the stream took it; when the reader closes
 * the pipe (`| head`), `closed` is called once and further rows are dropped without an error.
 */
export function createStdoutSink(stdout: NodeJS.WritableStream, closed: () => void): SinkOperator {
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
      await write(batch.rows.map((row) => `${JSON.stringify(row, printable)}\n`).join(""));
      if (!pipeClosed) context.counters.rowsOut += batch.rows.length;
    },
    async flush() {},
    async close() {
      stdout.off("error", onError);
    },
  };
}

/** JSON for what JSON has no type for: bytes as base64, unsafe integers as digits in a string. */
function printable(_key: string, value: RowValue): unknown {
  if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  if (value instanceof Uint8Array)
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("base64");
  return value;
}

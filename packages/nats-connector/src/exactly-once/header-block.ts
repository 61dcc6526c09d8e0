const START = "NATS/1.0\r\n";
const START_BYTES = Buffer.byteLength(START);

/** A header block of lines, with those of another block behind them. `store` keeps a text as bytes. */
export function headerBlock(
  store: (text: string) => Uint8Array,
  lines: string,
  own: Uint8Array | undefined,
): Uint8Array {
  if (own === undefined) return store(`${START}${lines}\r\n`);
  return Buffer.concat([Buffer.from(START + lines), own.subarray(START_BYTES)]);
}

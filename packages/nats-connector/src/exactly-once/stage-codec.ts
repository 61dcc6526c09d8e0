import { ConnectorError } from "@x/connector-api";

/** A message as it will be published. */
export interface StagedOutput {
  readonly subject: string;
  readonly payload: Uint8Array;
  /** Header block without what the mode adds; undefined for none. */
  readonly headers: Uint8Array | undefined;
}

/** Three lengths of 4 bytes: subject, header block plus one (0: none), payload. */
const PREFIX_BYTES = 12;

/** How many bytes one output takes. */
export function encodedBytes({ subject, payload, headers }: StagedOutput): number {
  return PREFIX_BYTES + Buffer.byteLength(subject) + (headers?.length ?? 0) + payload.length;
}

/** Outputs as bytes, which `decodeOutputs` gives back as they were. */
export function encodeOutputs(outputs: readonly StagedOutput[]): Uint8Array {
  const size = outputs.reduce((sum, output) => sum + encodedBytes(output), 0);
  const bytes = Buffer.allocUnsafeSlow(size);
  let at = 0;
  for (const { subject, payload, headers } of outputs) {
    const subjectBytes = bytes.write(subject, at + PREFIX_BYTES);
    bytes.writeUInt32LE(subjectBytes, at);
    bytes.writeUInt32LE(headers === undefined ? 0 : headers.length + 1, at + 4);
    bytes.writeUInt32LE(payload.length, at + 8);
    at += PREFIX_BYTES + subjectBytes;
    if (headers !== undefined) {
      bytes.set(headers, at);
      at += headers.length;
    }
    bytes.set(payload, at);
    at += payload.length;
  }
  return bytes;
}

/** The outputs, as views into the bytes. Throws STATE_INVALID for bytes that are not whole outputs. */
export function decodeOutputs(bytes: Uint8Array): StagedOutput[] {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const outputs: StagedOutput[] = [];
  let at = 0;
  const take = (length: number): Buffer => {
    if (at + length > view.length) {
      throw new ConnectorError("STATE_INVALID", `staged outputs end within output ${outputs.length + 1}`);
    }
    at += length;
    return view.subarray(at - length, at);
  };
  while (at < view.length) {
    const prefix = take(PREFIX_BYTES);
    const headerBytes = prefix.readUInt32LE(4);
    const subject = take(prefix.readUInt32LE(0)).toString();
    const headers = headerBytes === 0 ? undefined : take(headerBytes - 1);
    outputs.push({ subject, headers, payload: take(prefix.readUInt32LE(8)) });
  }
  return outputs;
}

/** The same bytes in pieces of at most so many, at least one. */
export function cutBytes(bytes: Uint8Array, maxBytes: number): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += maxBytes) pieces.push(bytes.subarray(at, at + maxBytes));
  return pieces.length === 0 ? [bytes] : pieces;
}

/**
 * Uncompresses a Snappy block (google/snappy, format_description.txt); undefined for what is none, or would be larger
 * than `maxBytes`. Written here because the libraries there are loop for ever on some payloads: every step below moves
 * forward in the block, and nothing is written that the block's own length does not announce.
 */
export function unsnappy(block: Uint8Array, maxBytes: number): Buffer | undefined {
  let at = 0;
  let size = 0;
  for (let shift = 1; ; shift *= 128) {
    const byte = block[at++];
    if (byte === undefined || at > 5) return undefined;
    size += (byte & 0x7f) * shift;
    if (byte < 0x80) break;
  }
  if (size > maxBytes) return undefined;
  const out = Buffer.allocUnsafe(size);
  let end = 0;
  const little = (bytes: number): number => {
    let value = 0;
    for (let i = 0; i < bytes; i++) value += (block[at + i] ?? Number.NaN) * 256 ** i;
    at += bytes;
    return value;
  };
  while (at < block.length) {
    const tag = block[at++] as number;
    const high = tag >>> 2;
    if ((tag & 3) === 0) {
      const length = (high < 60 ? high : little(high - 59)) + 1;
      // Also false for NaN, which a length cut off gives.
      if (!(at + length <= block.length && end + length <= size)) return undefined;
      out.set(block.subarray(at, at + length), end);
      at += length;
      end += length;
      continue;
    }
    const short = (tag & 3) === 1;
    const length = short ? (high & 7) + 4 : high + 1;
    const offset = short ? (tag >>> 5) * 256 + little(1) : little((tag & 3) === 2 ? 2 : 4);
    if (!(offset > 0 && offset <= end && end + length <= size)) return undefined;
    // Byte by byte: a copy may reach into what it is writing.
    for (let i = 0; i < length; i++) out[end + i] = out[end - offset + i] as number;
    end += length;
  }
  return end === size ? out : undefined;
}

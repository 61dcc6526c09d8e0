import { ConnectorError } from "@x/connector-api";

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The text of a payload. BAD_DATA when the bytes are no valid UTF-8: nothing is replaced, a byte order mark is kept. */
export function decodeUtf8(payload: Uint8Array): string {
  try {
    return decoder.decode(payload);
  } catch {
    throw new ConnectorError("BAD_DATA", `the payload of ${payload.length} bytes is not valid UTF-8 text`);
  }
}

const loneSurrogate = /\p{Surrogate}/u;

/** The bytes of a text. BAD_DATA for a lone surrogate, which UTF-8 cannot carry. */
export function encodeUtf8(text: string): Uint8Array {
  if (loneSurrogate.test(text)) {
    throw new ConnectorError("BAD_DATA", "the text holds a lone surrogate, which UTF-8 cannot carry");
  }
  return Buffer.from(text);
}

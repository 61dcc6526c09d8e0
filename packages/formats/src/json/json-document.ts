import { ConnectorError, type RowValue } from "@x/connector-api";
import { BadValue, toBadData } from "../bad-value.js";
import { needsExact, parseExact } from "./exact-numbers.js";
import { readJson } from "./json-value.js";

/**
 * Parses a JSON text and reads it with `read`, a second time from a lossless parse when `read` says that a number lost
 * digits, or at once when `exact` says so of the text. BAD_DATA for a text that is no JSON, and for what `read` refuses.
 */
export function readDocument<T>(text: string, read: (document: unknown) => T, exact?: (text: string) => boolean): T {
  const document = parseJson(text);
  try {
    return read(exact?.(text) ? parseExact(text) : document);
  } catch (error) {
    if (error !== needsExact) throw toBadData(error);
  }
  try {
    return read(parseExact(text));
  } catch (error) {
    throw toBadData(error);
  }
}

/** `JSON.parse` with BAD_DATA for an error; the engine's own message is dropped, it quotes the payload. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    const what = text === "" ? "the payload is empty" : `the payload of ${text.length} characters is no valid JSON`;
    throw new ConnectorError("BAD_DATA", what);
  }
}

/** The value of a JSON text that stands inside another format, losslessly. Throws BadValue. */
export function readJsonText(text: string, expected: string): RowValue {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    throw new BadValue(expected, "text that is no valid JSON");
  }
  try {
    return readJson(document, expected);
  } catch (error) {
    if (error !== needsExact) throw error;
    return readJson(parseExact(text), expected);
  }
}

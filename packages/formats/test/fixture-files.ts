import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** Files that other implementations wrote, or have read: see fixtures/README.md. */
export const pathOf = (name: string): string => fileURLToPath(new URL(`fixtures/${name}`, import.meta.url));
export const bytesOf = (name: string): Buffer => readFileSync(pathOf(name));
export const textOf = (name: string): string => bytesOf(name).toString();
export const jsonOf = (name: string): unknown => JSON.parse(textOf(name));
export const linesOf = (name: string): string[] => textOf(name).split("\n").slice(0, -1);

/** The schema in the header of an Avro container file. */
export function schemaOf(file: Buffer): string {
  let at = file.indexOf("avro.schema") + "avro.schema".length;
  let length = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = file[at++] ?? 0;
    length |= (byte & 0x7f) << shift;
    if (byte < 0x80) break;
  }
  return file.subarray(at, at + length / 2).toString();
}

/** A JSON text with its large integers, as ours reads it. */
export { parseExactJson as exactJson } from "@x/connector-api";

import { createHash } from "node:crypto";

/** Longest folder name used as it is; file systems allow 255 bytes. */
const longest = 150;

/**
 * A pipeline's name as the name of one folder: letters, digits, `_`, `-` and inner dots stay, every other byte becomes
 * `%XX`. Different names give different folders (on file systems that tell upper from lower case), none is `.`, `..` or
 * empty, and none leaves the folder it is put in.
 */
export function folderNameOf(pipeline: string): string {
  if (pipeline === "") return "%";
  const bytes = Buffer.from(pipeline, "utf8");
  let name = "";
  for (const byte of bytes) {
    const char = String.fromCharCode(byte);
    const stays = /[A-Za-z0-9_-]/.test(char) || (char === "." && name !== "");
    name += stays ? char : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  // A dot at the end vanishes on Windows.
  if (name.endsWith(".")) name = `${name.slice(0, -1)}%2E`;
  if (name.length <= longest) return name;
  return `${name.slice(0, longest - 33)}~${createHash("sha256").update(pipeline).digest("hex").slice(0, 32)}`;
}

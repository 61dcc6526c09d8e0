import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The code blocks of a Markdown file of this repository, by language, in order. */
export function codeBlocksOf(path: string, language: string): string[] {
  const text = readFileSync(fileURLToPath(new URL(`../../../${path}`, import.meta.url)), "utf8");
  return [...text.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)]
    .filter(([, found]) => found === language)
    .map(([, , code = ""]) => code);
}

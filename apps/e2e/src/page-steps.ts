import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** What a page tells its reader to do, in order. */
export type PageStep =
  | { readonly kind: "file"; readonly name: string; readonly text: string }
  | {
      readonly kind: "shell";
      /** The heading it stands under. */
      readonly under: string;
      readonly script: string;
      readonly exitCode: number;
      /** Lines of the page, each of which the output must hold. */
      readonly shows: readonly string[];
    };

/**
 * The steps of a Markdown page: a block ```` ```lang title=NAME ```` is a file, ```` ```sh ```` a script that ends with
 * exit code 0 or `exit=N`, and a ```` ```text ```` block behind it says what it shows.
 */
export function stepsOf(path: string): PageStep[] {
  const page = readFileSync(fileURLToPath(new URL(`../../../${path}`, import.meta.url)), "utf8");
  const steps: PageStep[] = [];
  let under = "";
  for (const [, heading, info = "", text = ""] of page.matchAll(/^## (.+)$|^```([^\n]+)\n([\s\S]*?)^```$/gm)) {
    if (heading !== undefined) under = heading;
    const name = /title=(\S+)/.exec(info)?.[1];
    if (name !== undefined) steps.push({ kind: "file", name, text });
    else if (info.startsWith("sh")) {
      const exitCode = Number(/exit=(\d+)/.exec(info)?.[1] ?? 0);
      steps.push({ kind: "shell", under, script: text, exitCode, shows: [] });
    } else if (info === "text") {
      const last = steps.at(-1);
      if (last?.kind !== "shell") throw new Error(`${path}: a text block without a script before it`);
      steps[steps.length - 1] = { ...last, shows: text.trim().split("\n") };
    }
  }
  return steps;
}

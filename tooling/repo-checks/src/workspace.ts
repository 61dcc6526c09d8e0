import { readdirSync, readFileSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";

/** The root of the repository. */
export const root = fileURLToPath(new URL("../../..", import.meta.url));

export interface SourceFile {
  /** Path from the root, with forward slashes. */
  readonly path: string;
  readonly text: string;
}

/** Folders below `parent`, sorted. */
export function foldersOf(parent: string): string[] {
  return readdirSync(join(root, parent), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort();
}

/** Every file below a folder of the root whose name ends as asked; generated and installed folders are left out. */
export function filesBelow(folder: string, ending: RegExp): SourceFile[] {
  const skipped = new Set(["node_modules", "dist", "coverage", ".turbo"]);
  const walk = (at: string): string[] =>
    readdirSync(at, { withFileTypes: true }).flatMap((entry) => {
      if (entry.isDirectory()) return skipped.has(entry.name) ? [] : walk(join(at, entry.name));
      return ending.test(entry.name) ? [join(at, entry.name)] : [];
    });
  return walk(join(root, folder))
    .sort()
    .map((path) => ({ path: relative(root, path).split(sep).join("/"), text: readFileSync(path, "utf8") }));
}

export interface Import {
  readonly specifier: string;
  readonly typeOnly: boolean;
}

/** The imports and re-exports of a file, static and dynamic. */
export function importsOf(file: SourceFile): Import[] {
  const code = file.text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/^\s*\/\/.*$/gm, "");
  const statics = [...code.matchAll(/^(?:import|export)\s+(type\s+)?[^"';]*?from\s+"([^"]+)"/gm)];
  const effects = [...code.matchAll(/^import\s+()"([^"]+)"/gm)];
  const dynamics = [...code.matchAll(/\bimport\(\s*()"([^"]+)"\s*\)/g)];
  return [...statics, ...effects, ...dynamics].map(([, type, specifier = ""]) => ({
    specifier,
    typeOnly: type !== undefined && type !== "",
  }));
}

export function readJson(path: string): Record<string, unknown> {
  return JSON.parse(readFileSync(join(root, path), "utf8")) as Record<string, unknown>;
}

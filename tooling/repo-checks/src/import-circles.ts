import { posix } from "node:path";
import { importsOf, type SourceFile } from "./workspace.js";

/** The circles among files by their relative imports, types included: each as the paths of its files, sorted. */
export function importCircles(files: readonly SourceFile[]): readonly (readonly string[])[] {
  const known = new Set(files.map((file) => file.path));
  const targets = new Map(files.map((file) => [file.path, targetsOf(file).filter((path) => known.has(path))]));
  const reached = new Map(files.map(({ path }) => [path, reachableFrom(path, targets)]));
  const circles = files.map(({ path }) => {
    const others = [...(reached.get(path) ?? [])];
    return others.filter((other) => reached.get(other)?.has(path)).sort();
  });
  return circles.filter((circle, index) => circle[0] === files[index]?.path);
}

function targetsOf(file: SourceFile): string[] {
  return importsOf(file)
    .filter(({ specifier }) => specifier.startsWith("."))
    .map(({ specifier }) => posix.join(posix.dirname(file.path), specifier.replace(/\.js$/, ".ts")));
}

/** Not with the start itself, unless a way leads back to it. */
function reachableFrom(start: string, targets: ReadonlyMap<string, readonly string[]>): ReadonlySet<string> {
  const found = new Set<string>();
  const waiting = [...(targets.get(start) ?? [])];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (found.has(next)) continue;
    found.add(next);
    waiting.push(...(targets.get(next) ?? []));
  }
  return found;
}

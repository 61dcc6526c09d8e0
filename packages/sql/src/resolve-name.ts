import { ConnectorError, didYouMean, type SourcePlace } from "@x/connector-api";

/**
 * The index of the name that a reference means: the very same name, else the only one that differs by case alone;
 * -1 when there is none. Throws SQL_INVALID when two differ by case alone.
 */
export function findName(written: string, names: readonly string[], place: SourcePlace): number {
  const exact = names.indexOf(written);
  if (exact >= 0) return exact;
  const folded = written.toLowerCase();
  const index = names.findIndex((name) => name.toLowerCase() === folded);
  const second = names.findIndex((name, i) => i > index && name.toLowerCase() === folded);
  if (index >= 0 && second >= 0) {
    const both = `"${names[index]}" and "${names[second]}"`;
    throw new ConnectorError("SQL_INVALID", `"${written}" may be ${both}; write it in the same case`, { place });
  }
  return index;
}

/** As {@link findName}, but a name that does not exist is SQL_INVALID with the nearest one. */
export function resolveName(
  what: string,
  written: string,
  names: readonly string[],
  place: SourcePlace,
  owner?: string,
): number {
  const index = findName(written, names, place);
  if (index >= 0) return index;
  const hint = didYouMean(written, names) || (names.length === 0 ? "" : `; there is ${listNames(names)}`);
  const of = owner === undefined ? "" : ` of "${owner}"`;
  throw new ConnectorError("SQL_INVALID", `unknown ${what} "${written}"${of}${hint}`, { place });
}

function listNames(names: readonly string[]): string {
  const shown = names.slice(0, 10).map((name) => `"${name}"`);
  return shown.join(", ") + (names.length > shown.length ? ` and ${names.length - shown.length} more` : "");
}

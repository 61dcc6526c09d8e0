import type { SourcePlace } from "@x/connector-api";

/** A line of a text as it may be shown, and where the place stands in it. */
export interface ShownLine {
  readonly text: string;
  readonly column: number;
  readonly length: number;
}

const SHOWN = "[secret]";

/**
 * Option names whose values are not shown: everything below `auth.`, and whatever sounds like a secret, so that a
 * misspelt or misplaced option hides its value, too. The equals sign may be missing: that is one of the mistakes shown.
 */
const secretOption =
  /(?<![\w.-])([\w.-]*(?:auth\.|passw|token|secret|jwt|seed|creds|credential|bearer|authorization|api[-_]?key)[\w.-]*)(?:['"]|(?!['"]))(?:\s*[=:]+>?\s*|\s*(?=['"]))/gi;
const harmless = /^auth\.(?:type|retry_window)$|_file$|^partition\./i;

/** The user in an address, `nats://user:password@host`. */
const userInfo = /(?<=:\/\/)[^\s'"@/,]+(?=@)/g;

/**
 * A quoted value to its end, on whatever line that is; to the end of the text where the quote is not closed, to the end
 * of the line where more than a value seems to follow: a quote within the secret, for example.
 */
const secretValue = /'(?:[^']|'')*(?:'(?=\s*(?:[,);]|$))|'.*|$)|"[^"]*(?:"|$)|[^\s,)]+/y;

/** The line of a place with every secret in it hidden; undefined when the text has no such line. */
export function hideSecrets(text: string, place: SourcePlace): ShownLine | undefined {
  const lines = text.split("\n");
  const line = lines[place.line - 1];
  if (line === undefined) return undefined;
  const start = lines.slice(0, place.line - 1).reduce((sum, each) => sum + each.length + 1, 0);
  const shown = line.replace(/\r$/, "");
  let result = "";
  let copied = 0;
  let { column, length } = place;
  for (const secret of secretsIn(text)) {
    const from = Math.max(secret.start - start, copied);
    const to = Math.min(secret.end - start, shown.length);
    if (from >= to) continue;
    result += shown.slice(copied, from) + SHOWN;
    copied = to;
    if (place.column > to) column += SHOWN.length - (to - from);
    else if (place.column > from) {
      column = result.length - SHOWN.length + 1;
      length = SHOWN.length;
    }
  }
  return { text: result + shown.slice(copied), column, length };
}

function secretsIn(text: string): { start: number; end: number }[] {
  const found: { start: number; end: number }[] = [];
  for (const match of text.matchAll(secretOption)) {
    if (harmless.test(match[1] ?? "")) continue;
    const start = match.index + match[0].length;
    secretValue.lastIndex = start;
    const value = secretValue.exec(text)?.[0];
    if (value !== undefined) found.push({ start, end: start + value.length });
  }
  for (const { 0: user, index } of text.matchAll(userInfo)) found.push({ start: index, end: index + user.length });
  return found.sort((a, b) => a.start - b.start);
}

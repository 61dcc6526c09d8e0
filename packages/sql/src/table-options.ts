import { ConnectorError, type OptionEntry } from "@x/connector-api";
import { placeOf, type SqlToken } from "./sql-tokens.js";
import { type StatementReader, unsupported } from "./statement-reader.js";

const refused: Readonly<Record<string, string>> = {
  event_time_field: "the order of a stream is its sequence; carry the time as a column and filter on it",
  idle_micros: "there are no watermarks, so an idle source holds nothing back; leave it out",
};

/** What an error shows in place of text that may be a part of a secret. */
const hidden = "something else";

/** Reads `(key = value, …)` behind WITH. Unknown and repeated options are the connector's to report, with these places. */
export function parseTableOptions(reader: StatementReader): readonly OptionEntry[] {
  const options: OptionEntry[] = [];
  reader.expectSymbol("(", '"(" and the options');
  if (reader.takeSymbol(")")) return options;
  do {
    options.push(readOption(reader));
  } while (reader.takeSymbol(","));
  if (!reader.takeSymbol(")")) throw reader.unexpected('"," or ")"', hidden);
  return options;
}

function readOption(reader: StatementReader): OptionEntry {
  const key = reader.next("an option name");
  if (key.kind !== "word" && key.kind !== "string" && key.kind !== "quoted") {
    throw new ConnectorError("SQL_SYNTAX", `expected an option name, found "${key.text}"`, { place: key.place });
  }
  const name = canonicalName(key.value);
  const remedy = Object.hasOwn(refused, name) ? refused[name] : undefined;
  if (remedy !== undefined) throw unsupported(`option "${key.value}" is not supported: ${remedy}`, key.place);
  if (reader.peek()?.text === ".") {
    throw new ConnectorError(
      "SQL_SYNTAX",
      `an option name with a dot needs quotes, as in '${key.value}.${reader.peek(1)?.value ?? "name"}' = …`,
      { place: key.place },
    );
  }
  if (!reader.takeSymbol("=")) throw reader.unexpected(`"=" behind the option "${key.value}"`, hidden);
  const value = readValue(reader, key.value);
  return { name, label: key.value, value: value.text, place: placeOf(value.tokens) };
}

function readValue(reader: StatementReader, label: string): { text: string; tokens: readonly SqlToken[] } {
  const what = `a value for "${label}"`;
  const first = reader.peek();
  if (first?.kind === "string") return { text: first.value, tokens: [reader.next(what)] };
  const tokens: SqlToken[] = [];
  for (let token = first; token !== undefined && isBare(token); token = reader.peek()) {
    if (tokens.length > 0 && tokens.at(-1)?.end !== token.start) break;
    tokens.push(reader.next(what));
  }
  const after = reader.peek();
  if (tokens.length === 0 || (after !== undefined && after.text !== "," && after.text !== ")")) {
    const hint = tokens.length === 0 ? what : '"," or ")"';
    const rule = "a value with other signs than letters, digits and .:+- needs single quotes";
    throw reader.unexpected(`${hint} (${rule})`, hidden);
  }
  return { text: tokens.map((token) => token.text).join(""), tokens };
}

function isBare(token: SqlToken): boolean {
  return token.kind === "word" || token.kind === "number" || (token.kind === "symbol" && ".:+-".includes(token.text));
}

/** Option names ignore case, except the header's own name in `header.<Name>`. */
function canonicalName(written: string): string {
  const family = /^header\./i.exec(written);
  return family === null ? written.toLowerCase() : `header.${written.slice(family[0].length)}`;
}

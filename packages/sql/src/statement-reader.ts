import { ConnectorError, type SourcePlace } from "@x/connector-api";
import { isSymbol, isWord, placeOf, type SqlToken } from "./sql-tokens.js";

/** Walks over the tokens of one statement. Every `expect…` throws SQL_SYNTAX saying what was expected and what came. */
export class StatementReader {
  readonly tokens: readonly SqlToken[];
  #at = 0;

  constructor(tokens: readonly SqlToken[]) {
    this.tokens = tokens;
  }

  /** The token `ahead` of the next one, or undefined behind the end. */
  peek(ahead = 0): SqlToken | undefined {
    return this.tokens[this.#at + ahead];
  }

  peekWords(...words: readonly string[]): boolean {
    return words.every((word, ahead) => isWord(this.peek(ahead), word));
  }

  next(what: string): SqlToken {
    const token = this.peek();
    if (token === undefined) throw this.unexpected(what);
    this.#at += 1;
    return token;
  }

  takeWords(...words: readonly string[]): boolean {
    if (!this.peekWords(...words)) return false;
    this.#at += words.length;
    return true;
  }

  takeSymbol(symbol: string): boolean {
    if (!isSymbol(this.peek(), symbol)) return false;
    this.#at += 1;
    return true;
  }

  expectWords(...words: readonly string[]): void {
    for (const word of words) if (!this.takeWords(word)) throw this.unexpected(word);
  }

  expectSymbol(symbol: string, what = `"${symbol}"`): void {
    if (!this.takeSymbol(symbol)) throw this.unexpected(what);
  }

  expectName(what: string): SqlToken {
    const kind = this.peek()?.kind;
    if (kind !== "word" && kind !== "quoted") throw this.unexpected(what);
    return this.next(what);
  }

  expectString(what: string): SqlToken {
    if (this.peek()?.kind !== "string") throw this.unexpected(what);
    return this.next(what);
  }

  expectEnd(what: string): void {
    if (this.peek() !== undefined) throw this.unexpected(what);
  }

  /** `shown` replaces the text of a token that must not be shown. The text of a string never is: it may be a secret. */
  unexpected(what: string, shown?: string): ConnectorError {
    const token = this.peek();
    const text = token?.kind === "string" || token?.kind === "opaque" ? "a quoted text" : `"${token?.text}"`;
    const found = token === undefined ? "the end of the statement" : (shown ?? text);
    const place = token?.place ?? endOf(this.tokens);
    return new ConnectorError("SQL_SYNTAX", `expected ${what}, found ${found}`, { place });
  }
}

/** The place behind the last token. */
export function endOf(tokens: readonly SqlToken[]): SourcePlace {
  const { line, column, length } = placeOf(tokens.slice(-1));
  return { line, column: column + length, length: 1 };
}

export function unsupported(message: string, place: SourcePlace): ConnectorError {
  return new ConnectorError("SQL_UNSUPPORTED", message, { place });
}

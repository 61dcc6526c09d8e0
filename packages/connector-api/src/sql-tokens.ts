import { ConnectorError } from "./errors.js";

/** A piece of a SQL type: a word, a name in double quotes, a text in single quotes, an integer or a symbol. */
export interface SqlToken {
  readonly kind: "word" | "quoted" | "string" | "integer" | "symbol";
  /** Without quotes. */
  readonly text: string;
}

const pattern = /\s*(?:([A-Za-z_][A-Za-z0-9_]*)|"((?:[^"]|"")+)"|'((?:[^']|'')+)'|(\d+)|([[\]<>(),]))/y;

/** Walks over the pieces of a SQL type. Every `expect…` throws SCHEMA_INVALID saying what was expected and what came. */
export class SqlTokens {
  readonly #text: string;
  readonly #tokens: readonly SqlToken[];
  #at = 0;

  constructor(text: string) {
    this.#text = text;
    this.#tokens = tokensOf(text);
  }

  get done(): boolean {
    return this.#at >= this.#tokens.length;
  }

  expect(kind: SqlToken["kind"], what: string): SqlToken {
    const token = this.#tokens[this.#at];
    if (token?.kind !== kind) throw this.#unexpected(what);
    this.#at += 1;
    return token;
  }

  expectName(what: string): SqlToken {
    return this.#tokens[this.#at]?.kind === "quoted" ? this.expect("quoted", what) : this.expect("word", what);
  }

  expectInt(what: string, min: number, max: number): number {
    const value = Number(this.expect("integer", `${what} from ${min} to ${max}`).text);
    if (value >= min && value <= max) return value;
    this.#at -= 1;
    throw this.#unexpected(`${what} from ${min} to ${max}`);
  }

  expectWord(word: string): void {
    if (!this.takeWord(word)) throw this.#unexpected(word);
  }

  expectSymbol(symbol: string): void {
    if (!this.takeSymbol(symbol)) throw this.#unexpected(`"${symbol}"`);
  }

  takeWord(word: string): boolean {
    return this.#take("word", (text) => text.toUpperCase() === word);
  }

  takeSymbol(symbol: string): boolean {
    return this.#take("symbol", (text) => text === symbol);
  }

  peekSymbol(symbol: string): boolean {
    const token = this.#tokens[this.#at];
    return token?.kind === "symbol" && token.text === symbol;
  }

  end(what: string): void {
    if (!this.done) throw this.#unexpected(what);
  }

  #take(kind: SqlToken["kind"], matches: (text: string) => boolean): boolean {
    const token = this.#tokens[this.#at];
    if (token?.kind !== kind || !matches(token.text)) return false;
    this.#at += 1;
    return true;
  }

  #unexpected(what: string): ConnectorError {
    const token = this.#tokens[this.#at];
    const got = token === undefined ? "the end" : `"${token.text}"`;
    return new ConnectorError("SCHEMA_INVALID", `type "${this.#text}": expected ${what}, got ${got}`);
  }
}

function tokensOf(text: string): readonly SqlToken[] {
  const tokens: SqlToken[] = [];
  const end = text.trimEnd().length;
  pattern.lastIndex = 0;
  while (pattern.lastIndex < end) {
    const start = pattern.lastIndex;
    const match = pattern.exec(text);
    if (match === null) {
      throw new ConnectorError("SCHEMA_INVALID", `type "${text}": cannot read ${JSON.stringify(text.slice(start))}`);
    }
    tokens.push(tokenOf(match));
  }
  return tokens;
}

function tokenOf([, word, quoted, string, integer, symbol]: RegExpExecArray): SqlToken {
  if (word !== undefined) return { kind: "word", text: word };
  if (quoted !== undefined) return { kind: "quoted", text: quoted.replaceAll('""', '"') };
  if (string !== undefined) return { kind: "string", text: string.replaceAll("''", "'") };
  if (integer !== undefined) return { kind: "integer", text: integer };
  return { kind: "symbol", text: symbol ?? "" };
}

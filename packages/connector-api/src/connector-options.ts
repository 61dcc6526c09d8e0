import { didYouMean } from "./did-you-mean.js";
import { ConnectorError, type ErrorCode, type SourcePlace } from "./errors.js";
import { kindOf } from "./kind-of.js";
import { type OptionEntry, printOptionValue } from "./option-entry.js";
import { camelCaseOf, entriesOfObject } from "./options-from-object.js";
import { bytesForms, durationForms, parseBytes, parseDuration } from "./quantity.js";
import { isSecret } from "./secret.js";
import { type Environment, resolveVars } from "./var-string.js";

/** How the bag speaks about itself. */
export interface ConnectorOptionsContext {
  /** Where the options as a whole stand: the place of an error about an option that is not there. */
  readonly place?: SourcePlace | undefined;
  /** How the user spells names; errors follow. `object` is camelCase, as `fromObject` reads it. */
  readonly spelling?: "sql" | "object";
}

/**
 * The bag of options a connector, its formats and its auth strategies pull from. A name that is declared or was pulled
 * is valid; `finish` refuses what nobody pulled. Pulling twice gives the same value. Every pull of text resolves
 * `{{ VAR }}` from the environment given, and throws ENV_MISSING or OPTION_INVALID with the place of the option.
 * An option set to nothing at all (`''`) is given, not absent.
 */
export class ConnectorOptions {
  readonly #entries: ReadonlyMap<string, OptionEntry>;
  readonly #environment: Environment;
  readonly #context: ConnectorOptionsContext;
  readonly #declared = new Map<string, string | undefined>();
  readonly #pulled = new Set<string>();

  /** Throws OPTION_DUPLICATE when two entries have one name. */
  constructor(entries: readonly OptionEntry[], environment: Environment, context: ConnectorOptionsContext = {}) {
    const byName = new Map<string, OptionEntry>();
    for (const entry of entries) {
      const first = byName.get(entry.name);
      if (first !== undefined) throw duplicate(first, entry);
      byName.set(entry.name, entry);
    }
    this.#entries = byName;
    this.#environment = environment;
    this.#context = context;
  }

  /** From a plain object: camelCase names, nested where an option name has a dot, `…Ms` numbers for durations. */
  static fromObject(value: object, environment: Environment = {}): ConnectorOptions {
    return new ConnectorOptions(entriesOfObject(value), environment, { spelling: "object" });
  }

  /**
   * Names the options that are valid in this place, before the first required pull. May be called by several owners.
   * An entry ending in `.*` declares a family (`header.*`). `appliesTo` says when the options apply ("a Core source"),
   * for the error about one that was given where it does not.
   */
  declare(names: readonly string[], appliesTo?: string): void {
    for (const name of names) this.#declared.set(name, appliesTo);
  }

  /** True when the option is given. Neither pulls nor declares it. */
  has(name: string): boolean {
    return this.#entries.has(name);
  }

  /** The text of an option with `{{ VAR }}` resolved. Throws OPTION_MISSING, but OPTION_UNKNOWN for the unknown first. */
  pullString(name: string): string {
    const text = this.pullOptionalString(name);
    if (text !== undefined) return text;
    const unknown = this.#firstUnknown();
    if (this.#declared.size > 0 && unknown !== undefined) throw this.#unknown(unknown);
    throw new ConnectorError("OPTION_MISSING", `option "${this.#spell(name)}" is required`, {
      place: this.#context.place,
      context: { option: name },
    });
  }

  pullOptionalString(name: string): string | undefined {
    const entry = this.#pull(name);
    return entry && this.#resolved(entry);
  }

  /**
   * As pullOptionalString, but `{{ VAR }}` is checked and kept, for secrets and addresses that are stored unresolved.
   * A Secret gives its plain text, a list its items joined by a comma.
   */
  pullTemplate(name: string): string | undefined {
    const entry = this.#pull(name);
    if (entry === undefined) return undefined;
    const text = Array.isArray(entry.value)
      ? entry.value.map((item: unknown) => textOf(entry, item)).join(",")
      : textOf(entry, entry.value);
    this.#resolve(entry, text);
    return text;
  }

  /** One of `choices`; the error names what came and every choice. Comparison ignores case and `-`/`_`. */
  pullChoice<const Choice extends string>(name: string, choices: readonly Choice[]): Choice | undefined {
    return this.#parse(name, `one of ${choices.map((choice) => `"${choice}"`).join(", ")}`, (text) =>
      choices.find((choice) => foldChoice(choice) === foldChoice(text)),
    );
  }

  pullInt(name: string, range: { min?: number; max?: number } = {}): number | undefined {
    const { min = Number.MIN_SAFE_INTEGER, max = Number.MAX_SAFE_INTEGER } = range;
    return this.#parse(name, `an integer${printRange(range)}`, (text) => {
      const value = /^[+-]?\d+$/.test(text) ? Number(text) : Number.NaN;
      return value >= min && value <= max ? value : undefined;
    });
  }

  pullBool(name: string): boolean | undefined {
    return this.#parse(name, "true or false", (text) =>
      /^true$/i.test(text) ? true : /^false$/i.test(text) ? false : undefined,
    );
  }

  /**
   * Milliseconds. `30s`, `5m`, `250ms`, `1h`, `7d`, or a bare integer in `unit` (Arroyo's: seconds). In an object a
   * bare number is refused, because there the unit stands in the name.
   */
  pullDuration(name: string, unit: "s" | "ms" = "s"): number | undefined {
    const value = this.#entries.get(name)?.value;
    const inObject = this.#context.spelling === "object";
    const forms = inObject
      ? `${durationForms}, or a number of milliseconds as "${this.#spell(name)}Ms"`
      : durationForms;
    return this.#parse(name, forms, (text) =>
      inObject && typeof value === "number" ? undefined : parseDuration(text, unit),
    );
  }

  /** Bytes. `64MiB`, `64MB` (10^6), `512KiB`, or a bare integer. */
  pullBytes(name: string): number | undefined {
    return this.#parse(name, bytesForms, parseBytes);
  }

  /** Comma-separated and trimmed, or an array of texts that is taken item by item; an empty item is an error. */
  pullList(name: string): readonly string[] | undefined {
    const entry = this.#pull(name);
    if (entry === undefined) return undefined;
    const items = Array.isArray(entry.value)
      ? entry.value.map((item: unknown) => this.#resolve(entry, textOf(entry, item)).trim())
      : this.#resolved(entry)
          .split(",")
          .map((item) => item.trim());
    if (items.length > 0 && items.every((item) => item !== "")) return items;
    throw invalid(entry, "a comma-separated list without empty items");
  }

  /** Every option of a family (`header.`): the rest of the name as the user wrote it, and its text. */
  pullFamily(prefix: string): ReadonlyMap<string, string> {
    this.#declared.set(`${prefix}*`, undefined);
    const family = new Map<string, string>();
    for (const entry of this.#entries.values()) {
      if (!isMember(entry.name, prefix)) continue;
      this.#pulled.add(entry.name);
      const written = entry.label.toLowerCase().startsWith(prefix) ? entry.label : entry.name;
      family.set(written.slice(prefix.length), this.#resolved(entry));
    }
    return family;
  }

  /** A value as it came: a function, a Secret, bytes (TypeScript callers only). A text is resolved. */
  pullRaw(name: string): unknown {
    const entry = this.#pull(name);
    return typeof entry?.value === "string" ? this.#resolved(entry) : entry?.value;
  }

  /** Fails with OPTION_CONFLICT naming both when more than one of the options is given. */
  exclusive(names: readonly string[]): void {
    const [first, second] = names.flatMap((name) => this.#entries.get(name) ?? []);
    if (first === undefined || second === undefined) return;
    throw failure("OPTION_CONFLICT", second, `options "${first.label}" and "${second.label}" exclude each other`);
  }

  /** The place of an option, for errors of the caller's own. */
  placeOf(name: string): SourcePlace | undefined {
    return this.#entries.get(name)?.place;
  }

  /** Fails for options that nobody pulled, the unknown ones first. Call last. */
  finish(): void {
    const unknown = this.#firstUnknown();
    if (unknown !== undefined) throw this.#unknown(unknown);
    for (const entry of this.#entries.values()) {
      if (this.#pulled.has(entry.name)) continue;
      const appliesTo = this.#declarationOf(entry.name)?.appliesTo;
      const reason = appliesTo === undefined ? "does not apply here" : `applies only to ${appliesTo}`;
      throw failure("OPTION_UNKNOWN", entry, `option "${entry.label}" ${reason}`);
    }
  }

  #pull(name: string): OptionEntry | undefined {
    this.#pulled.add(name);
    return this.#entries.get(name);
  }

  #parse<T>(name: string, expected: string, read: (text: string) => T | undefined): T | undefined {
    const entry = this.#pull(name);
    if (entry === undefined) return undefined;
    const value = isPrintable(entry.value) ? read(this.#resolved(entry).trim()) : undefined;
    if (value !== undefined) return value;
    throw invalid(entry, expected);
  }

  #resolved(entry: OptionEntry): string {
    return this.#resolve(entry, textOf(entry, entry.value));
  }

  #resolve(entry: OptionEntry, text: string): string {
    return resolveVars(text, this.#environment, { name: entry.label, place: entry.place });
  }

  #declarationOf(name: string): { appliesTo: string | undefined } | undefined {
    for (const [declared, appliesTo] of this.#declared) {
      if (declared === name || (declared.endsWith(".*") && isMember(name, declared.slice(0, -1)))) return { appliesTo };
    }
    return undefined;
  }

  #firstUnknown(): OptionEntry | undefined {
    for (const entry of this.#entries.values()) {
      if (!this.#pulled.has(entry.name) && this.#declarationOf(entry.name) === undefined) return entry;
    }
    return undefined;
  }

  /** Suggests a name that is valid here before one that is valid elsewhere. */
  #unknown(entry: OptionEntry): ConnectorError {
    const here = [...this.#pulled, ...[...this.#declared].flatMap(([name, to]) => (to === undefined ? [name] : []))];
    const suggestion =
      didYouMean(entry.label, this.#spellings(entry, here)) ||
      didYouMean(entry.label, this.#spellings(entry, this.#declared.keys()));
    return failure("OPTION_UNKNOWN", entry, `unknown option "${entry.label}"${suggestion}`);
  }

  /** Names as the user would write them; of a family, the entry's own name with the family's prefix. */
  #spellings(entry: OptionEntry, names: Iterable<string>): readonly string[] {
    return [...names].map((name) =>
      name.endsWith(".*") ? name.slice(0, -1) + entry.label.slice(entry.label.indexOf(".") + 1) : this.#spell(name),
    );
  }

  #spell(name: string): string {
    return this.#context.spelling === "object" ? camelCaseOf(name) : name;
  }
}

function isMember(name: string, prefix: string): boolean {
  return name.length > prefix.length && name.startsWith(prefix);
}

function isPrintable(value: unknown): boolean {
  return (
    typeof value === "string" || typeof value === "number" || typeof value === "boolean" || typeof value === "bigint"
  );
}

function textOf(entry: OptionEntry, value: unknown): string {
  if (isPrintable(value)) return String(value);
  if (isSecret(value)) return value.reveal();
  throw failure("OPTION_INVALID", entry, `option "${entry.label}": expected text, got ${kindOf(value)}`);
}

function foldChoice(text: string): string {
  return text.toLowerCase().replaceAll("-", "_");
}

function printRange({ min, max }: { min?: number; max?: number }): string {
  if (min !== undefined && max !== undefined) return ` from ${min} to ${max}`;
  if (min !== undefined) return ` not below ${min}`;
  return max === undefined ? "" : ` not above ${max}`;
}

function invalid(entry: OptionEntry, expected: string): ConnectorError {
  const got = printOptionValue(entry.value);
  return failure("OPTION_INVALID", entry, `option "${entry.label}": expected ${expected}, got ${got}`);
}

function duplicate(first: OptionEntry, second: OptionEntry): ConnectorError {
  const message =
    first.label === second.label
      ? `option "${second.label}" is given twice`
      : `options "${first.label}" and "${second.label}" set the same thing; give one of them`;
  return failure("OPTION_DUPLICATE", second, message);
}

function failure(code: ErrorCode, entry: OptionEntry, message: string): ConnectorError {
  return new ConnectorError(code, message, { place: entry.place, context: { option: entry.name } });
}

const brand = Symbol.for("@x/connector-api/Secret");
const inspect = Symbol.for("nodejs.util.inspect.custom");

/**
 * A value that must never be printed. Templates, JSON, `String()` and `util.inspect` show `[secret]`;
 * {@link Secret.reveal} is the only door, so a search for `reveal(` lists every use.
 */
export class Secret<T = string> {
  readonly #value: T;

  constructor(value: T) {
    this.#value = value;
    Object.defineProperty(this, brand, { value: true });
  }

  /** The plain value. Called where it is handed to a client, never where something is logged or thrown. */
  reveal(): T {
    return this.#value;
  }

  toString(): string {
    return "[secret]";
  }

  toJSON(): string {
    return "[secret]";
  }

  [inspect](): string {
    return "[secret]";
  }
}

/** True for a {@link Secret} of any copy of this package. */
export function isSecret(value: unknown): value is Secret {
  return typeof value === "object" && value !== null && brand in value;
}

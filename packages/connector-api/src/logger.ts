/** Where libraries say what happens outside the happy path. pino and `console` both fit. */
export interface Logger {
  debug(facts: object, message: string): void;
  info(facts: object, message: string): void;
  warn(facts: object, message: string): void;
  error(facts: object, message: string): void;
}

const ignore = (): void => {};

/** Says nothing: the default of every library. */
export const silentLogger: Logger = { debug: ignore, info: ignore, warn: ignore, error: ignore };

import { ConnectorError, type Logger } from "@x/connector-api";

export const logLevels = ["debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof logLevels)[number];

/** The value of `--log-level`. Throws USAGE for another one. */
export function parseLogLevel(text: string): LogLevel {
  const level = logLevels.find((one) => one === text);
  if (level !== undefined) return level;
  throw new ConnectorError("USAGE", `--log-level: expected one of ${logLevels.join(", ")}; got "${text}"`);
}

/** Writes log lines of `level` and above to a stream: `12:00:00 warn  message  key=value …`. */
export function createLogger(level: LogLevel, write: (line: string) => void): Logger {
  const least = logLevels.indexOf(level);
  const log = (at: LogLevel) => {
    if (logLevels.indexOf(at) < least) return () => {};
    return (facts: object, message: string): void => {
      const pairs = Object.entries(facts).map(([key, value]) => `  ${key}=${printFact(value)}`);
      write(`${new Date().toISOString().slice(11, 19)} ${at.padEnd(5)} ${message}${pairs.join("")}\n`);
    };
  };
  return { debug: log("debug"), info: log("info"), warn: log("warn"), error: log("error") };
}

function printFact(value: unknown): string {
  return typeof value === "string"
    ? value
    : JSON.stringify(value, (_key, item) => (typeof item === "bigint" ? String(item) : item));
}

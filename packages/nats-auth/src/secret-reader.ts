import { readFileSync } from "node:fs";
import { ConnectorError, type Environment, isSecret, kindOf, resolveVars, toConnectorError } from "@x/connector-api";
import type { AuthContext } from "./auth-strategy.js";
import { type SecretSource, secretOptions } from "./secret-source.js";

/** A secret that can be read without waiting; what an async function supplies is fetched beforehand. */
export interface SecretReader {
  /** Waits for an async function's next answer; resolves at once for everything else. Rejects with OPTION_INVALID. */
  fetch(): Promise<void>;
  /**
   * The secret, read afresh: the text, the file without its last line break, what the function returns; of an async
   * function the latest answer, and with `renew` the next one is fetched meanwhile. Throws OPTION_INVALID, never with
   * the secret.
   */
  read(renew: boolean): string;
}

const FETCH_TIMEOUT_MS = 10_000;

/** Resolves variables once, now; ENV_MISSING names the one that is not there. `report` is told of failed fetches. */
export function createSecretReader(
  source: SecretSource,
  environment: Environment,
  report: AuthContext["report"],
): SecretReader {
  const { option } = source;
  const fetch = (): Promise<void> => Promise.resolve();
  if ("text" in source) {
    const text = checked(resolveVars(source.text.reveal(), environment, { name: option }), option);
    return { fetch, read: () => text };
  }
  if ("file" in source) {
    const fileOption = secretOptions(option)[1];
    const path = resolveVars(source.file, environment, { name: fileOption });
    return { fetch, read: () => checked(readText(path, fileOption), fileOption) };
  }
  return readFunction(source.read, option, report);
}

function readFunction(read: () => unknown, option: string, report: AuthContext["report"]): SecretReader {
  let latest: string | undefined;
  let isAsync = false;
  let isFirst = true;
  let underWay: Promise<void> | undefined;

  const follow = (promise: PromiseLike<unknown>): Promise<void> => {
    isAsync = true;
    underWay ??= withTimeout(promise, option)
      .then((value) => {
        latest = checked(reveal(value), option);
      })
      .finally(() => {
        underWay = undefined;
      });
    return underWay;
  };
  const fetch = async (): Promise<void> => {
    if (!isFirst && !isAsync) return;
    isFirst = false;
    if (underWay !== undefined) return underWay;
    const value = call(read, option);
    if (isPromise(value)) await follow(value);
    else latest = checked(reveal(value), option);
  };
  return {
    fetch,
    read(renew) {
      if (isAsync) {
        if (renew && underWay === undefined) fetch().catch((error: unknown) => tell(report, error));
      } else {
        const value = call(read, option);
        if (!isPromise(value)) return checked(reveal(value), option);
        follow(value).catch((error: unknown) => tell(report, error));
      }
      return checked(latest, option);
    },
  };
}

/** Reports without ever throwing: the client must get an answer whatever the listener does. */
export function tell(report: AuthContext["report"], error: unknown): void {
  try {
    report(toConnectorError(error));
  } catch {
    // See above.
  }
}

function readText(path: string, option: string): string {
  try {
    return readFileSync(path, "utf8").replace(/\r?\n$/, "");
  } catch (cause) {
    const { code = "unreadable" } = cause as NodeJS.ErrnoException;
    throw new ConnectorError("OPTION_INVALID", `"${option}": cannot read ${JSON.stringify(path)} (${code})`, { cause });
  }
}

/** What the function throws may quote the secret: it is kept as a kind, not as a cause that somebody prints. */
function failed(option: string, cause: unknown): ConnectorError {
  const name = cause instanceof Error ? cause.name : kindOf(cause);
  return new ConnectorError("OPTION_INVALID", `"${option}": the function that supplies it has failed (${name})`);
}

function call(read: () => unknown, option: string): unknown {
  try {
    return read();
  } catch (cause) {
    throw failed(option, cause);
  }
}

async function withTimeout(promise: PromiseLike<unknown>, option: string): Promise<unknown> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const text = `"${option}": the function that supplies it did not answer within ${FETCH_TIMEOUT_MS} ms`;
    timer = setTimeout(() => reject(new ConnectorError("OPTION_INVALID", text)), FETCH_TIMEOUT_MS);
  });
  const answer = Promise.resolve(promise).catch((cause: unknown) => {
    throw failed(option, cause);
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}

function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}

function reveal(value: unknown): unknown {
  return isSecret(value) ? value.reveal() : value;
}

function checked(value: unknown, option: string): string {
  if (typeof value === "string" && value !== "") return value;
  const got = value === "" ? "an empty text" : kindOf(value);
  throw new ConnectorError("OPTION_INVALID", `"${option}": expected text that is not empty, got ${got}`);
}

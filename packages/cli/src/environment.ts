import { existsSync, readFileSync, statSync } from "node:fs";
import { parseEnv } from "node:util";
import { ConnectorError, type Environment, type JsonObject } from "@x/connector-api";

/** The process environment with the variables of `--env-file` added; a variable that is already set wins. */
export function readEnvironment(envFile: string | undefined): Environment {
  if (envFile === undefined) return process.env;
  return { ...parseEnv(readText(envFile, "--env-file")), ...process.env };
}

/** The profiles of `--profiles`: a JSON object of name → profile. */
export function readProfiles(file: string | undefined): Readonly<Record<string, JsonObject>> {
  if (file === undefined) return {};
  const text = readText(file, "--profiles");
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    // The parser's own message would quote the text, which may hold secrets.
    throw new ConnectorError("USAGE", `--profiles ${file}: not valid JSON`);
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) {
    throw new ConnectorError("USAGE", `--profiles ${file}: expected a JSON object of name → profile`);
  }
  return parsed as Readonly<Record<string, JsonObject>>;
}

/** Whether a word is the name of a file here, not of something on a server. A folder of that name is neither. */
export function isFile(word: string): boolean {
  return existsSync(word) && !statSync(word).isDirectory();
}

/** A file the user named, without a byte-order mark; USAGE with the reason when it cannot be read. */
export function readText(file: string, what: string): string {
  try {
    return readFileSync(file, "utf8").replace(/^\uFEFF/, "");
  } catch (cause) {
    const reason = (cause as NodeJS.ErrnoException).code === "ENOENT" ? "no such file" : "cannot be read";
    throw new ConnectorError("USAGE", `${what} ${file}: ${reason}`, { cause });
  }
}

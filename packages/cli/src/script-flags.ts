import { basename, extname } from "node:path";
import { ConnectorError, parseDuration } from "@x/connector-api";
import type { Command } from "commander";
import { type LogLevel, parseLogLevel } from "./render/log.js";

/** The flags of every command about an SQL file, as commander gives them. */
export interface ScriptFlags {
  readonly name?: string;
  readonly plugin?: readonly string[];
  readonly profiles?: string;
  readonly envFile?: string;
  readonly json?: boolean;
  readonly logLevel: string;
}

/** The same, checked. */
export interface ScriptOptions {
  readonly file: string;
  readonly name: string;
  /** Files of `--plugin`, in order. */
  readonly plugins: readonly string[];
  readonly profiles: string | undefined;
  readonly envFile: string | undefined;
  readonly json: boolean;
  readonly logLevel: LogLevel;
}

const append = (file: string, files: readonly string[] = []): readonly string[] => [...files, file];

export const stateFlag = [
  "--state <store>",
  "where checkpoints are kept: file:DIR, memory: or nats-kv:BUCKET",
  "file:.nats-pipeline",
] as const;

/** Declares them; `json` says what the command prints then. */
export function addScriptFlags(command: Command, json: string): Command {
  return command
    .option("--name <name>", "name of the pipeline (default: the file's base name)")
    .option("--plugin <file>", "module with formats, connectors or auth of your own; repeatable", append)
    .option("--profiles <file>", "JSON file with connection profiles by name")
    .option("--env-file <file>", "file with NAME=value lines for {{ NAME }}")
    .option("--json", json)
    .option("--log-level <level>", "debug, info, warn or error", "warn");
}

export function parseScriptFlags(file: string, flags: ScriptFlags): ScriptOptions {
  return {
    file,
    name: flags.name ?? basename(file, extname(file)),
    plugins: flags.plugin ?? [],
    profiles: flags.profiles,
    envFile: flags.envFile,
    json: flags.json ?? false,
    logLevel: parseLogLevel(flags.logLevel),
  };
}

export function durationFlag(flag: string, text: string): number {
  const ms = parseDuration(text);
  if (ms !== undefined && ms > 0) return ms;
  throw new ConnectorError("USAGE", `${flag}: expected a duration such as 250ms, 1s or 5m; got "${text}"`);
}

export function countFlag(flag: string, text: string): number {
  const count = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(count) && count > 0) return count;
  throw new ConnectorError("USAGE", `${flag}: expected a whole number above 0; got "${text}"`);
}

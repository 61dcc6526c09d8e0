import { type Environment, type Logger, toConnectorError } from "@x/connector-api";
import { readEnvironment, readProfiles, readText } from "./environment.js";
import { loadPlugins } from "./load-plugins.js";
import type { Output } from "./output.js";
import { type PlannedPipeline, planPipelines } from "./plan-pipelines.js";
import type { SqlFile } from "./render/error.js";
import { createLogger } from "./render/log.js";
import { reportError } from "./report-error.js";
import { parseScriptFlags, type ScriptFlags, type ScriptOptions } from "./script-flags.js";

/** An SQL file that was read and planned, with what its commands need around it. */
export interface OpenScript {
  readonly options: ScriptOptions;
  readonly sql: SqlFile;
  readonly environment: Environment;
  readonly logger: Logger;
  /** Prints a line of the log; whoever draws on the terminal puts something else here meanwhile. */
  readonly log: { print: (line: string) => void };
  readonly pipelines: readonly PlannedPipeline[];
}

/**
 * Reads and plans an SQL file and hands it to `use`, which resolves to the exit code. Whatever throws is reported, with
 * the place in the file where there is one, and gives the exit code of its error.
 */
export async function withScript(
  file: string,
  flags: ScriptFlags,
  output: Output,
  use: (script: OpenScript) => Promise<number>,
): Promise<number> {
  let sql: SqlFile | undefined;
  try {
    const options = parseScriptFlags(file, flags);
    sql = { name: file, text: readText(file, "SQL file") };
    const environment = readEnvironment(options.envFile);
    const pipelines = await planPipelines({
      text: sql.text,
      name: options.name,
      environment,
      profiles: readProfiles(options.profiles),
      extensions: await loadPlugins(options.plugins, environment),
    });
    const log = { print: (line: string): void => void output.stderr.write(line) };
    const logger = createLogger(options.logLevel, (line) => log.print(line));
    return await use({ options, sql, environment, logger, log, pipelines });
  } catch (error) {
    const stack = flags.logLevel === "debug";
    reportError(error, { output, json: flags.json === true, sql, stack });
    return toConnectorError(error).exitCode;
  }
}

import {
  type Connector,
  ConnectorError,
  type DeadLetterBox,
  isConnectorError,
  parseColumn,
  toConnectorError,
} from "@x/connector-api";
import { isFile, readEnvironment, readProfiles, readText } from "../environment.js";
import { loadPlugins } from "../load-plugins.js";
import type { Output } from "../output.js";
import { type PlannedTable, planPipelines } from "../plan-pipelines.js";
import type { SqlFile } from "../render/error.js";
import { reportError } from "../report-error.js";
import { openServer, type ServerFlags } from "../server-flags.js";

/** Opens the letters that the user names, hands them to `use` and closes them. Whatever throws is reported. */
export async function withBox(
  where: string,
  flags: ServerFlags,
  output: Output,
  use: (box: DeadLetterBox, signal: AbortSignal) => Promise<number>,
): Promise<number> {
  let sql: SqlFile | undefined;
  const stop = new AbortController();
  const onSignal = (): void => stop.abort();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, onSignal);
  try {
    if (isFile(where)) sql = { name: where, text: readText(where, "SQL file") };
    const box = await (sql === undefined
      ? openPlace(where, flags, output, stop.signal)
      : openFile(sql, flags, stop.signal));
    try {
      return await use(box, stop.signal);
    } finally {
      await box.close();
    }
  } catch (error) {
    reportError(error, { output, json: flags.json === true, sql, stack: flags.logLevel === "debug" });
    return toConnectorError(error).exitCode;
  } finally {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.off(signal, onSignal);
  }
}

/** A stream by its name, else the stream that captures a subject. */
async function openPlace(
  where: string,
  flags: ServerFlags,
  output: Output,
  signal: AbortSignal,
): Promise<DeadLetterBox> {
  const { connector, table } = await openServer(flags, output);
  const schema = { columns: [parseColumn("value", "BYTEA")] };
  const { profile } = table({ type: "source", subject: where, format: "raw_bytes" }, schema);
  if (/^[^\s.*>/\\]+$/.test(where)) {
    try {
      return await open(connector, profile, { stream: where }, signal);
    } catch (error) {
      if (!isConnectorError(error) || error.code !== "STREAM_NOT_FOUND") throw error;
    }
  }
  return open(connector, profile, { subject: where }, signal);
}

/** The one `dead_letter.subject` of an SQL file. USAGE, with all of them, when there are several. */
async function openFile({ name, text }: SqlFile, flags: ServerFlags, signal: AbortSignal): Promise<DeadLetterBox> {
  const environment = readEnvironment(flags.envFile);
  const extensions = await loadPlugins(flags.plugin ?? [], environment);
  const profiles = readProfiles(flags.profiles);
  const pipelines = await planPipelines({ text, name, environment, profiles, extensions });
  const found = new Map<string, PlannedTable>();
  for (const { source, sink } of pipelines) {
    for (const table of [source, ...(sink === undefined ? [] : [sink])]) {
      const { badData } = table.config;
      if (badData?.behavior === "dead_letter") found.set(badData.subject, table);
    }
  }
  const [first, ...more] = found;
  if (first === undefined) {
    throw new ConnectorError("USAGE", `${name}: no table has bad_data = 'dead_letter'; give the subject or the stream`);
  }
  if (more.length > 0) {
    const subjects = [...found.keys()].join(", ");
    throw new ConnectorError("USAGE", `${name}: there are several dead-letter subjects; give one of them: ${subjects}`);
  }
  const [subject, { connector, profile }] = first;
  return open(connector, profile, { subject }, signal);
}

function open(
  connector: Connector,
  profile: unknown,
  place: { readonly subject: string } | { readonly stream: string },
  signal: AbortSignal,
): Promise<DeadLetterBox> {
  if (connector.openDeadLetters !== undefined) return connector.openDeadLetters(profile, place, signal);
  throw new ConnectorError("UNSUPPORTED", `connector "${connector.name}" keeps no dead letters that can be read`);
}

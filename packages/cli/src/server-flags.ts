import {
  type ConnectionSchema,
  type Connector,
  ConnectorError,
  ConnectorOptions,
  type Environment,
  type Logger,
  parseOperatorConfig,
  type TablePlan,
} from "@x/connector-api";
import type { Command } from "commander";
import type { Output } from "./output.js";
import { createLogger, parseLogLevel } from "./render/log.js";

/** The flags of commands about a server, as commander gives them. */
export interface ServerFlags {
  readonly servers?: string;
  readonly profile?: string;
  readonly profiles?: string;
  readonly option?: readonly string[];
  readonly envFile?: string;
  readonly plugin?: readonly string[];
  readonly json?: boolean;
  readonly logLevel: string;
}

const append = (one: string, all: readonly string[] = []): readonly string[] => [...all, one];

export function addServerFlags(command: Command, json: string): Command {
  return command
    .option("--servers <list>", "addresses, separated by commas (default: NATS_URL, else localhost)")
    .option("--profile <name>", "a profile of --profiles instead of --servers")
    .option("--profiles <file>", "JSON file with connection profiles by name")
    .option("--option <name=value>", "an option as in WITH (…), for authentication or the format; repeatable", append)
    .option("--env-file <file>", "file with NAME=value lines for {{ NAME }} and NATS_URL")
    .option("--plugin <file>", "module with formats or auth of your own; repeatable", append)
    .option("--json", json)
    .option("--log-level <level>", "debug, info, warn or error", "warn");
}

/** What a command about a server works with. */
export interface OpenServer {
  readonly connector: Connector;
  readonly logger: Logger;
  /** A table of this server, checked as in SQL. */
  table(options: Readonly<Record<string, string>>, schema: ConnectionSchema): TablePlan;
}

/** Reads what the flags name. No connection is made; throws coded errors. */
export async function openServer(flags: ServerFlags, output: Output): Promise<OpenServer> {
  // Loaded late: --help needs neither formats nor a client.
  const { natsConnector } = await import("@x/nats-connector");
  const { readEnvironment, readProfiles } = await import("./environment.js");
  const { loadPlugins } = await import("./load-plugins.js");
  const logger = createLogger(parseLogLevel(flags.logLevel), (line) => output.stderr.write(line));
  const environment = readEnvironment(flags.envFile);
  const { formats, auth } = await loadPlugins(flags.plugin ?? [], environment);
  const connector: Connector = natsConnector({ environment, formats, auth });
  const profiles = readProfiles(flags.profiles);
  const named = flags.profile !== undefined && Object.hasOwn(profiles, flags.profile);
  const profile = named ? profiles[flags.profile ?? ""] : undefined;
  if (flags.profile !== undefined && profile === undefined) {
    const known = Object.keys(profiles).join(", ") || "none: give the file with --profiles";
    throw new ConnectorError("USAGE", `--profile: there is no "${flags.profile}"; known are ${known}`);
  }
  const stored = profile && connector.parseProfile(profile);
  return {
    connector,
    logger,
    table(options, schema) {
      const given = { ...serversOf(flags, environment), ...optionsOf(flags.option ?? []), ...options };
      const bag = ConnectorOptions.fromObject(given, environment);
      const name = options.stream ?? options.subject ?? "";
      const connection = connector.fromOptions(name, bag, schema, stored);
      const config = parseOperatorConfig(JSON.parse(connection.config));
      return {
        name,
        profile: connector.parseProfile(config.connection),
        table: connector.parseTable(config.table),
        config,
        schema: connection.schema,
      };
    },
  };
}

function serversOf(flags: ServerFlags, environment: Environment): Record<string, string> {
  if (flags.profile !== undefined) {
    if (flags.servers === undefined) return {};
    throw new ConnectorError("USAGE", "--servers and --profile exclude each other; give one of them");
  }
  return { servers: flags.servers ?? environment.NATS_URL ?? "localhost" };
}

function optionsOf(pairs: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf("=");
      if (at > 0) return [pair.slice(0, at).trim(), pair.slice(at + 1).trim()] as const;
      throw new ConnectorError("USAGE", `--option: expected name=value, as in auth.type=token; got "${pair}"`);
    }),
  );
}

import {
  type Connector,
  ConnectorError,
  ConnectorOptions,
  didYouMean,
  type Environment,
  type JsonObject,
  nearestOf,
  parseOperatorConfig,
  type TablePlan,
} from "@x/connector-api";
import { natsConnector } from "@x/nats-connector";
import { parseScript, planQuery, type QueryPlan, type TableDefinition } from "@x/sql";
import type { Extensions } from "./plugin.js";

/** A table as its connector has checked it. */
export interface PlannedTable extends TablePlan {
  readonly connector: Connector;
}

/** What one INSERT (or bare SELECT) of a file asks for, checked and not yet made. */
export interface PlannedPipeline {
  readonly name: string;
  readonly source: PlannedTable;
  /** Absent for a bare SELECT. */
  readonly sink?: PlannedTable;
  readonly query: QueryPlan;
}

export interface PlanOptions {
  /** The SQL text. */
  readonly text: string;
  /** The name of the only pipeline, or the first part of the names of several. */
  readonly name: string;
  readonly environment: Environment;
  readonly profiles: Readonly<Record<string, JsonObject>>;
  /** Formats, connectors and auth strategies beside the builtin ones. */
  readonly extensions: Extensions;
}

/** THE list of connectors that `connector = '…'` may name. */
function createConnectors({ environment, extensions }: PlanOptions): readonly Connector[] {
  const { formats, auth, connectors } = extensions;
  return [natsConnector({ environment, formats, auth }), ...connectors];
}

/** Checks an SQL text and every table that its queries use. No I/O; throws coded errors with a place in the text. */
export async function planPipelines(options: PlanOptions): Promise<readonly PlannedPipeline[]> {
  const script = await parseScript(options.text);
  if (script.queries.length === 0) {
    throw new ConnectorError("SQL_INVALID", "nothing to run: expected an INSERT INTO … SELECT or a SELECT statement");
  }
  const connectors = createConnectors(options);
  const queries = await Promise.all(script.queries.map((query) => planQuery(script, query)));
  const names = namePipelines(options.name, queries);
  return queries.map((query, i) => ({
    name: names[i] ?? options.name,
    source: planTable(query.source, "source", connectors, options),
    ...(query.sink === undefined ? {} : { sink: planTable(query.sink, "sink", connectors, options) }),
    query,
  }));
}

/** One pipeline takes the name as it is; several add their sink table, and their source table where that is not enough. */
function namePipelines(name: string, plans: readonly QueryPlan[]): readonly string[] {
  if (plans.length === 1) return [name];
  const sinkOf = (plan: QueryPlan): string => plan.sink?.name ?? "stdout";
  const names = plans.map((plan) => {
    const alone = plans.filter((other) => sinkOf(other) === sinkOf(plan)).length === 1;
    return alone ? `${name}-${sinkOf(plan)}` : `${name}-${sinkOf(plan)}-${plan.source.name}`;
  });
  const twice = names.find((one, i) => names.indexOf(one) !== i);
  if (twice === undefined) return names;
  throw new ConnectorError(
    "SQL_INVALID",
    `two statements of the file would be the pipeline "${twice}": merge them, or use two files`,
  );
}

function planTable(
  table: TableDefinition,
  kind: "source" | "sink",
  connectors: readonly Connector[],
  { environment, profiles }: PlanOptions,
): PlannedTable {
  const bag = new ConnectorOptions(table.options, environment, { place: table.place });
  const connector = resolveConnector(table, bag, connectors);
  const connection = connector.fromOptions(table.name, bag, table.schema, resolveProfile(bag, connector, profiles));
  if (connection.type !== kind) {
    const use = kind === "source" ? "read FROM" : "written INTO";
    throw new ConnectorError("SQL_INVALID", `table "${table.name}" is a ${connection.type} and cannot be ${use}`, {
      place: bag.placeOf("type"),
    });
  }
  const config = parseOperatorConfig(JSON.parse(connection.config));
  return {
    connector,
    name: table.name,
    profile: connector.parseProfile(config.connection),
    table: connector.parseTable(config.table),
    config,
    schema: connection.schema,
  };
}

function resolveConnector(
  table: TableDefinition,
  options: ConnectorOptions,
  connectors: readonly Connector[],
): Connector {
  // Without a connector nobody knows which options are valid; but one that is nearly called so is meant.
  if (!options.has("connector")) {
    const meant = nearestOf(
      "connector",
      table.options.map((entry) => entry.name),
    );
    const entry = table.options.find((one) => one.name === meant);
    if (entry !== undefined) {
      const message = `unknown option "${entry.label}"; did you mean "connector"?`;
      throw new ConnectorError("OPTION_UNKNOWN", message, { place: entry.place, context: { option: entry.name } });
    }
  }
  const name = options.pullString("connector");
  const connector = connectors.find((one) => one.name === name);
  if (connector !== undefined) return connector;
  const known = connectors.map((one) => one.name);
  throw new ConnectorError(
    "OPTION_INVALID",
    `connector: expected one of ${known.join(", ")}; got "${name}"${didYouMean(name, known)}`,
    { place: options.placeOf("connector") },
  );
}

function resolveProfile(
  options: ConnectorOptions,
  connector: Connector,
  profiles: Readonly<Record<string, JsonObject>>,
): unknown {
  const name = options.pullOptionalString("connection_profile");
  if (name === undefined) return undefined;
  const profile = Object.hasOwn(profiles, name) ? profiles[name] : undefined;
  if (profile !== undefined) return connector.parseProfile(profile);
  const known = Object.keys(profiles);
  throw new ConnectorError(
    "OPTION_INVALID",
    known.length === 0
      ? `connection_profile: there is no profile "${name}"; give the profiles with --profiles FILE.json`
      : `connection_profile: expected one of ${known.join(", ")}; got "${name}"${didYouMean(name, known)}`,
    { place: options.placeOf("connection_profile") },
  );
}

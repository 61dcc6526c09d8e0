import {
  type ConnectionSchema,
  type Connector,
  ConnectorOptions,
  type ConstructedOperator,
  type Environment,
  type Logger,
  type OperatorConfig,
  type TableType,
} from "@x/connector-api";
import type { StandardSchema } from "./standard-schema.js";

/**
 * What `openSource` and `openSink` share. Every other property is an option of the connector in camelCase, nested where
 * its name has a dot (`consumer: { maxBatch: 500 }`), and is checked exactly as in SQL.
 */
export interface DirectOptions<T> {
  /** One address, several separated by commas, or a list. */
  readonly servers?: string | readonly string[];
  readonly auth?: { readonly type: string; readonly [option: string]: unknown };
  readonly tls?: object;
  readonly stream?: string;
  readonly subject?: string;
  readonly format: string;
  readonly schema?: ConnectionSchema<T> | ConnectionSchema | StandardSchema;
  /** Names the pipeline (its checkpoints, its consumers) and the table in errors. */
  readonly name?: string;
  /** Default: says nothing. */
  readonly logger?: Logger;
  /** Variables for `{{ NAME }}`. Default: `process.env`. */
  readonly environment?: Environment;
  /** Ends everything at once when it aborts, the opening included. */
  readonly signal?: AbortSignal;
  readonly [option: string]: unknown;
}

/** Options of an operator, once what is not the connector's own has been taken out. */
export interface OperatorRequest {
  readonly type: TableType;
  readonly name: string;
  readonly options: Readonly<Record<string, unknown>>;
  readonly schema: ConnectionSchema;
  readonly environment: Environment;
}

/** Checked options, ready to become an operator. */
export interface DirectTable {
  readonly profile: unknown;
  readonly table: unknown;
  /** The rest of the way: no I/O, throws coded errors. */
  makeOperator(table: unknown): ConstructedOperator;
}

/** From plain options to a table, through the stored configuration: the same way as a `CREATE TABLE`. No I/O. */
export function openDirectTable(connector: Connector, request: OperatorRequest): DirectTable {
  const { type, name, options, schema, environment } = request;
  const bag = ConnectorOptions.fromObject({ ...options, type }, environment);
  const connection = connector.fromOptions(name, bag, schema);
  const config = connection.operatorConfig ?? (JSON.parse(connection.config) as OperatorConfig);
  const profile = connector.parseProfile(config.connection);
  return {
    profile,
    table: connector.parseTable(config.table),
    makeOperator: (table) => connector.makeOperator(profile, table, config, connection.schema),
  };
}

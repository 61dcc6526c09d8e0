import type { ConnectionSchema } from "../connection-schema.js";
import type { Connection, Connector, ConstructedOperator, TableType } from "../connector.js";
import { ConnectorOptions } from "../connector-options.js";
import { type OperatorConfig, parseOperatorConfig } from "../operator-config.js";
import type { Environment } from "../var-string.js";
import type { SuiteRow } from "./suite-rows.js";

/** A table as a TypeScript user writes it. */
export interface TableFixture {
  readonly type: TableType;
  /** The connector's options in camelCase, nested where a name has a dot; `type` is added where it is not given. */
  readonly options: object;
  readonly schema: ConnectionSchema;
  /** Plain values of secrets among the options: no description may show one. */
  readonly secrets?: readonly string[];
}

/** The outside of one source: an input of its own that holds nothing yet. Rows have {@link suiteSchema}. */
export interface SourceEnvironment extends Partial<AsyncDisposable> {
  /** Options of the table that reads this input, without `type`. */
  readonly options: object;
  /**
   * Adds one input per row, in order; resolves when a source would find them. A source that does not replay gets them
   * while it listens.
   */
  append(rows: readonly SuiteRow[]): Promise<void>;
  /** Adds one input that is no row. Needed when the table has a format. */
  appendBad?(): Promise<void>;
  /**
   * Makes a place that keeps what is published to a subject, and names the subject; what ends in `.elsewhere` behind it
   * goes where nobody looks. Needed of a connector with {@link Connector.openDeadLetters}, where the table has a format.
   */
  openLetters?(): Promise<string>;
  /** Inputs that the outside takes for acknowledged. Needed when the table's capabilities say `acks`. */
  acked?(): Promise<number>;
}

/** The outside of one sink: a destination of its own that holds nothing yet. Rows have {@link suiteSchema}. */
export interface SinkEnvironment extends Partial<AsyncDisposable> {
  /** Options of the table that writes there, without `type`. */
  readonly options: object;
  /** What somebody else finds at the destination right now, in order. Not by the code under test. */
  read(): Promise<readonly SuiteRow[]>;
}

export interface ConnectorFixture<Profile, Table> {
  readonly connector: Connector<Profile, Table>;
  /** Variables for `{{ NAME }}`. */
  readonly environment?: Environment;
  /** Tables that are correct, one per kind of operator at least. Nothing is opened. */
  readonly tables: readonly TableFixture[];
  /**
   * By what is wrong with it ("a stream that is not there"): opens an outside, and the table that compiles but cannot
   * work there. Needed of a connector with {@link Connector.test}.
   */
  readonly brokenTables?: Readonly<Record<string, () => Promise<TableFixture & Partial<AsyncDisposable>>>>;
  /** By what it is ("a stream", "a Core subject"): opens an outside for a source. Called once per law. */
  readonly sources?: Readonly<Record<string, () => Promise<SourceEnvironment>>>;
  /** By what it is: opens an outside for a sink. Called once per law. */
  readonly sinks?: Readonly<Record<string, () => Promise<SinkEnvironment>>>;
  /**
   * By what is not there yet: opens an outside for a sink without it. Needed of a connector with
   * {@link Connector.createMissing}.
   */
  readonly missingSinks?: Readonly<Record<string, () => Promise<SinkEnvironment>>>;
  /**
   * A table whose profile leads to a system that can keep checkpoints. Needed of a connector with
   * {@link Connector.createCheckpoints}; the suite makes a place of its own there.
   */
  readonly checkpoints?: () => Promise<Pick<TableFixture, "type" | "options">>;
}

/** A table on its way from options to an operator, the way every host goes. */
export interface CompiledTable<Profile, Table> {
  readonly connection: Connection;
  readonly config: OperatorConfig;
  readonly profile: Profile;
  readonly table: Table;
  makeOperator(): ConstructedOperator;
}

/** From options to stored JSON text, and from that text to an operator. */
export function compileTable<Profile, Table>(
  { connector, environment }: Pick<ConnectorFixture<Profile, Table>, "connector" | "environment">,
  type: TableType,
  options: object,
  schema: ConnectionSchema,
): CompiledTable<Profile, Table> {
  const bag = ConnectorOptions.fromObject({ type, ...options }, environment);
  const connection = connector.fromOptions("suite", bag, schema);
  const config = parseOperatorConfig(connection.config);
  const profile = connector.parseProfile(config.connection);
  const table = connector.parseTable(config.table);
  const makeOperator = (): ConstructedOperator => connector.makeOperator(profile, table, config, connection.schema);
  return { connection, config, profile, table, makeOperator };
}

import { describe, expect, it } from "vitest";
import type { ConnectionSchema } from "../connection-schema.js";
import type { Connection, Connector, TableType } from "../connector.js";
import { ConnectorOptions } from "../connector-options.js";
import { isConnectorError } from "../errors.js";
import { parseOperatorConfig } from "../operator-config.js";
import type { Environment } from "../var-string.js";

export interface ConnectorFixture<Profile, Table> {
  readonly connector: Connector<Profile, Table>;
  readonly environment?: Environment;
  /** Tables that are correct, one per kind of operator at least. */
  readonly tables: readonly {
    readonly type: TableType;
    /** As a TypeScript user writes them. */
    readonly options: object;
    readonly schema: ConnectionSchema;
    /** Plain values of secrets among the options: no description may show one. */
    readonly secrets?: readonly string[];
  }[];
}

/** The laws of a {@link Connector} that need no server. */
export function describeConnector<Profile, Table>(name: string, fixture: ConnectorFixture<Profile, Table>): void {
  const { connector, environment } = fixture;
  const connect = (options: object, schema: ConnectionSchema): Connection =>
    connector.fromOptions("suite", ConnectorOptions.fromObject(options, environment), schema);

  describe(`connector: ${name}`, () => {
    it("says what it is", () => {
      const metadata = connector.metadata();
      expect(metadata.id).toBe(connector.name);
      expect(metadata.name).not.toBe("");
      expect(metadata.description).not.toBe("");
      expect(metadata.icon).toMatch(/^<svg[\s/>]/);
      expect(metadata.testing).toBe(connector.test !== undefined);
      expect(metadata.source || metadata.sink).toBe(true);
      for (const schema of [metadata.connectionSchema, metadata.tableSchema]) {
        expect(JSON.parse(JSON.stringify(schema))).toEqual(schema);
      }
    });

    it("has metadata columns with distinct keys and a description each", () => {
      const columns = connector.metadataColumns();
      expect(new Set(columns.map((column) => column.key)).size).toBe(columns.length);
      for (const column of columns) expect(column.description).not.toBe("");
    });

    it("covers every kind of operator it has", () => {
      const { source, sink } = connector.metadata();
      const types = new Set(fixture.tables.map((table) => table.type));
      expect(types).toEqual(new Set([...(source ? ["source"] : []), ...(sink ? ["sink"] : [])]));
    });

    describe.each(fixture.tables.map((table, i) => ({ ...table, title: `${table.type} ${i + 1}` })))(
      "$title",
      ({ type, options, schema, secrets = [] }) => {
        it("becomes a connection whose stored form makes the operator", () => {
          const connection = connect(options, schema);
          expect(connection).toMatchObject({ connector: connector.name, name: "suite", type });
          const config = parseOperatorConfig(connection.config);
          const profile = connector.parseProfile(config.connection);
          const table = connector.parseTable(config.table);
          expect(connector.tableType(profile, table)).toBe(type);
          expect(connector.makeOperator(profile, table, config, connection.schema).kind).toBe(type);
          expect(connector.fromConfig(undefined, "suite", profile, table, schema)).toMatchObject({ type });
        });

        it("refuses an unknown option before a missing one", () => {
          const error = thrownBy(() => connect({ noSuchOption: "x" }, schema));
          expect(error).toMatchObject({ code: "OPTION_UNKNOWN" });
          const late = thrownBy(() => connect({ ...options, noSuchOption: "x" }, schema));
          expect(late).toMatchObject({ code: "OPTION_UNKNOWN", message: expect.stringContaining("noSuchOption") });
        });

        it("describes itself without secrets", () => {
          const connection = connect(options, schema);
          const profile = connector.parseProfile(parseOperatorConfig(connection.config).connection);
          for (const text of [connection.description, connector.configDescription(profile)]) {
            expect(text).not.toMatch(/\r|\n/);
            for (const secret of secrets) expect(text).not.toContain(secret);
          }
        });
      },
    );
  });
}

function thrownBy(run: () => unknown): { readonly code: string; readonly message: string } {
  try {
    run();
  } catch (error) {
    if (isConnectorError(error)) return { code: error.code, message: error.message };
    throw error;
  }
  throw new Error("expected a ConnectorError, nothing was thrown");
}

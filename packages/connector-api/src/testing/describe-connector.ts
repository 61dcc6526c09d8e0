import { describe, expect, it } from "vitest";
import { isConnectorError } from "../errors.js";
import type { SinkOperator, SourceOperator } from "../operator.js";
import {
  type CompiledTable,
  type ConnectorFixture,
  compileTable,
  type SinkEnvironment,
  type SourceEnvironment,
  type TableFixture,
} from "./connector-fixture.js";
import { within } from "./eventually.js";
import { startSink, startSource } from "./operator-host.js";
import { type SinkLaw, sinkLaws } from "./sink-laws.js";
import { type SourceLaw, sourceLaws } from "./source-laws.js";
import { suiteSchema } from "./suite-rows.js";

const TIMEOUT_MS = 60_000;

/**
 * The laws of a `Connector` and of its operators. What a table's capabilities promise is proved, what they do not
 * promise is not asked: nothing is skipped here by choice.
 */
export function describeConnector<Profile, Table>(name: string, fixture: ConnectorFixture<Profile, Table>): void {
  const { connector, sources = {}, sinks = {} } = fixture;

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

    it("is shown with every kind of operator it has", () => {
      const { source, sink } = connector.metadata();
      const kinds = new Set([...(source ? ["source"] : []), ...(sink ? ["sink"] : [])]);
      expect(new Set(fixture.tables.map((table) => table.type))).toEqual(kinds);
      expect(Object.keys(sources).length > 0, "the fixture has sources").toBe(source);
      expect(Object.keys(sinks).length > 0, "the fixture has sinks").toBe(sink);
    });

    describe.each(fixture.tables.map((table, i) => ({ table, title: `table ${i + 1}, a ${table.type}` })))(
      "$title",
      ({ table }) => describeTable(fixture, table),
    );

    for (const [what, open] of Object.entries(sources)) {
      describe(`source: ${what}`, () => {
        for (const law of sourceLaws) it(law.name, () => checkSource(fixture, open, law), TIMEOUT_MS);
      });
    }
    for (const [what, open] of Object.entries(sinks)) {
      describe(`sink: ${what}`, () => {
        for (const law of sinkLaws) it(law.name, () => checkSink(fixture, open, law), TIMEOUT_MS);
      });
    }
  });
}

function describeTable<Profile, Table>(fixture: ConnectorFixture<Profile, Table>, given: TableFixture): void {
  const { connector } = fixture;
  const { type, schema, secrets = [] } = given;
  const compile = (options: object): CompiledTable<Profile, Table> => compileTable(fixture, type, options, schema);

  it("becomes a connection whose stored form makes the operator", () => {
    const { connection, profile, table, makeOperator } = compile(given.options);
    expect(connection).toMatchObject({ connector: connector.name, name: "suite", type });
    expect(connector.tableType(profile, table)).toBe(type);
    expect(makeOperator().kind).toBe(type);
    expect(connector.fromConfig(undefined, "suite", profile, table, schema)).toMatchObject({ type });
  });

  it("says what a source of it promises", () => {
    const { profile, table } = compile(given.options);
    const capabilities = type === "source" ? connector.sourceCapabilities?.(profile, table) : noSource;
    expect(capabilities).toMatchObject({ replays: expect.any(Boolean), acks: expect.any(Boolean) });
  });

  it("refuses an unknown option before a missing one", () => {
    const error = thrownBy(() => compile({ noSuchOption: "x" }));
    expect(error).toMatchObject({ code: "OPTION_UNKNOWN" });
    const late = thrownBy(() => compile({ ...given.options, noSuchOption: "x" }));
    expect(late).toMatchObject({ code: "OPTION_UNKNOWN", message: expect.stringContaining("noSuchOption") });
  });

  it("describes itself without secrets", () => {
    const { connection, profile } = compile(given.options);
    for (const text of [connection.description, connector.configDescription(profile)]) {
      expect(text).not.toMatch(/\r|\n/);
      for (const secret of secrets) expect(text).not.toContain(secret);
    }
  });
}

const noSource = { replays: false, acks: false };

/** Checks one law over a fresh outside; whoever the law is not about passes it. */
export async function checkSource<Profile, Table>(
  fixture: ConnectorFixture<Profile, Table>,
  openEnvironment: () => Promise<SourceEnvironment>,
  law: SourceLaw,
): Promise<void> {
  const closing: (() => Promise<void>)[] = [];
  try {
    const environment = await openEnvironment();
    closing.push(async () => await environment[Symbol.asyncDispose]?.());
    const compile = (options: object = {}): CompiledTable<Profile, Table> =>
      compileTable(fixture, "source", { ...environment.options, ...options }, suiteSchema);
    const { profile, table, config } = compile();
    const capabilities = fixture.connector.sourceCapabilities?.(profile, table);
    if (capabilities === undefined) throw new Error("a connector with sources declares sourceCapabilities");
    if (!isAbout(law.appliesTo, { ...capabilities, format: config.format !== undefined })) return;
    const create = (options?: object): SourceOperator => {
      const operator = compile(options).makeOperator();
      if (operator.kind !== "source") throw new Error("expected a source");
      closing.push(() => operator.operator.close());
      return operator.operator;
    };
    const ends = new Map<object, () => Promise<void>>();
    await law.check({
      environment,
      capabilities,
      create,
      async start({ options, ...start } = {}) {
        const operator = create(options);
        const source = await startSource(operator, start);
        const end = async (): Promise<void> => {
          source.stop();
          await within("stopping", source.finished, 5000).catch(() => {});
          await operator.close();
          await operator.close();
        };
        ends.set(source, end);
        closing.push(end);
        return source;
      },
      abandon: async (source) => await ends.get(source)?.(),
    });
  } finally {
    for (const close of closing.reverse()) await close();
  }
}

/** Checks one law over a fresh outside; whoever the law is not about passes it. */
export async function checkSink<Profile, Table>(
  fixture: ConnectorFixture<Profile, Table>,
  openEnvironment: () => Promise<SinkEnvironment>,
  law: SinkLaw,
): Promise<void> {
  const closing: (() => Promise<void>)[] = [];
  try {
    const environment = await openEnvironment();
    closing.push(async () => await environment[Symbol.asyncDispose]?.());
    const compile = (options: object = {}): CompiledTable<Profile, Table> =>
      compileTable(fixture, "sink", { ...environment.options, ...options }, suiteSchema);
    if (!isAbout(law.appliesTo, { format: compile().config.format !== undefined })) return;
    const create = (options?: object): SinkOperator => {
      const operator = compile(options).makeOperator();
      if (operator.kind !== "sink") throw new Error("expected a sink");
      closing.push(() => operator.operator.close());
      return operator.operator;
    };
    const open = async (options?: object) => {
      const sink = create(options);
      return { sink, counters: await startSink(sink) };
    };
    await law.check({ environment, create, open });
  } finally {
    for (const close of closing.reverse()) await close();
  }
}

function isAbout(who: Readonly<Record<string, boolean>> = {}, facts: Readonly<Record<string, boolean>>): boolean {
  return Object.entries(who).every(([name, value]) => facts[name] === value);
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

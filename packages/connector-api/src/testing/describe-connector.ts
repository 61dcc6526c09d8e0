import { describe, expect, it } from "vitest";
import type { CheckpointStore } from "../checkpoint-store.js";
import type { StateOptions } from "../connector.js";
import { isConnectorError } from "../errors.js";
import { checkSink, checkSource, readAll, runTest } from "./check-law.js";
import { checkStopped, sinkTestLaws, sourceTestLaws, verdictOf } from "./connection-test-laws.js";
import { type CompiledTable, type ConnectorFixture, compileTable, type TableFixture } from "./connector-fixture.js";
import { deadLetterLaws } from "./dead-letter-laws.js";
import { describeCheckpointStore } from "./describe-checkpoint-store.js";
import { findingsOf, missingSinkLaw, sinkPlanLaws, sourcePlanLaws } from "./plan-laws.js";
import { progressLaws } from "./progress-laws.js";
import { outputReplayLaws, replayLaws } from "./replay-laws.js";
import { sinkLaws } from "./sink-laws.js";
import { sourceLaws } from "./source-laws.js";
import { suiteSchema } from "./suite-rows.js";
import { createTools } from "./table-tools.js";

const TIMEOUT_MS = 60_000;

/**
 * The laws of a `Connector` and of its operators. What a table's capabilities promise is proved, what they do not
 * promise is not asked: nothing is skipped here by choice.
 */
export function describeConnector<Profile, Table>(name: string, fixture: ConnectorFixture<Profile, Table>): void {
  const { connector, sources = {}, sinks = {}, brokenTables = {}, missingSinks = {} } = fixture;

  describe(`connector: ${name}`, () => {
    it("says what it is", () => {
      const metadata = connector.metadata();
      expect(metadata.id).toBe(connector.name);
      expect(metadata.name).not.toBe("");
      expect(metadata.description).not.toBe("");
      expect(metadata.icon).toMatch(/^<svg[\s/>]/);
      expect(metadata.testing).toBe(connector.test !== undefined);
      expect(Object.keys(brokenTables).length > 0, "the fixture has broken tables").toBe(metadata.testing);
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
      const creates = connector.createMissing !== undefined;
      expect(Object.keys(missingSinks).length > 0, "the fixture has missing sinks").toBe(creates);
      const keeps = connector.createCheckpoints !== undefined;
      expect(fixture.checkpoints !== undefined, "the fixture has checkpoints").toBe(keeps);
    });

    describe.each(fixture.tables.map((table, i) => ({ table, title: `table ${i + 1}, a ${table.type}` })))(
      "$title",
      ({ table }) => describeTable(fixture, table),
    );

    for (const [what, open] of Object.entries(brokenTables)) {
      it(`its test says no to ${what}, with a remedy`, () => checkBroken(fixture, open), TIMEOUT_MS);
    }
    for (const [what, open] of Object.entries(sources)) {
      describe(`source: ${what}`, () => {
        for (const law of [...sourceLaws, ...optionalSourceLaws])
          it(law.name, () => checkSource(fixture, open, law), TIMEOUT_MS);
      });
    }
    for (const [what, open] of Object.entries(sinks)) {
      describe(`sink: ${what}`, () => {
        for (const law of [...sinkLaws, ...optionalSinkLaws])
          it(law.name, () => checkSink(fixture, open, law), TIMEOUT_MS);
      });
    }
    for (const [what, open] of Object.entries(missingSinks)) {
      it(`${what}: ${missingSinkLaw.name}`, () => checkSink(fixture, open, missingSinkLaw), TIMEOUT_MS);
    }
    if (fixture.checkpoints !== undefined) describeConnectorCheckpoints(name, fixture, fixture.checkpoints);
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

  if (connector.testProfile !== undefined) {
    it("tests its profile, and ends soon after the signal", async () => {
      const steps = connector.testProfile?.(compile(given.options).profile, AbortSignal.abort());
      if (steps !== undefined) await checkStopped(readAll(steps));
    });
  }
  if (connector.autocomplete !== undefined) {
    it("looks around for names, and stops with a coded error", async () => {
      const looking = connector.autocomplete?.(compile(given.options).profile, AbortSignal.abort());
      const error: unknown = await looking?.then(
        () => undefined,
        (error: unknown) => error,
      );
      expect(isConnectorError(error), String(error)).toBe(true);
    });
  }
}

/** Exported so that the suite itself can be tested. */
export const optionalSourceLaws = [...sourceTestLaws, ...sourcePlanLaws, ...replayLaws, ...deadLetterLaws];
export const optionalSinkLaws = [...sinkTestLaws, ...sinkPlanLaws, ...progressLaws, ...outputReplayLaws];

const LOCATION = "suite-checkpoints";

function describeConnectorCheckpoints<Profile, Table>(
  name: string,
  fixture: ConnectorFixture<Profile, Table>,
  open: () => Promise<Pick<TableFixture, "type" | "options">>,
): void {
  const { connector } = fixture;
  const openAt = async (location: string, options?: StateOptions): Promise<CheckpointStore> => {
    const { type, options: given } = await open();
    const { profile } = compileTable(fixture, type, given, suiteSchema);
    const store = connector.createCheckpoints?.(profile, location, options);
    if (store === undefined) throw new Error("the connector has no createCheckpoints");
    return store;
  };
  describeCheckpointStore(`of connector ${name}`, () => openAt(LOCATION, { create: true }), { durable: true });

  it("does not make a place for checkpoints without being told to", async () => {
    const store = await openAt(`${LOCATION}-missing`);
    const error: unknown = await store.claim("suite", "one").catch((error: unknown) => error);
    expect(isConnectorError(error), String(error)).toBe(true);
    await store.close();
  });
}

/** Exported so that the suite itself can be tested. */
export async function checkBroken<Profile, Table>(
  fixture: ConnectorFixture<Profile, Table>,
  open: () => Promise<TableFixture & Partial<AsyncDisposable>>,
): Promise<void> {
  const given = await open();
  try {
    const messages = await runTest(fixture, compileTable(fixture, given.type, given.options, given.schema));
    expect(verdictOf(messages).status).toBe("failed");
    for (const secret of given.secrets ?? []) expect(JSON.stringify(messages)).not.toContain(secret);
    if (fixture.connector.preflight !== undefined) await checkBrokenPlan(fixture, given);
  } finally {
    await given[Symbol.asyncDispose]?.();
  }
}

/** A preflight says what is wrong, or that there is no way in; never a secret. */
async function checkBrokenPlan<Profile, Table>(
  fixture: ConnectorFixture<Profile, Table>,
  given: TableFixture,
): Promise<void> {
  const tools = createTools(fixture.connector, compileTable(fixture, given.type, given.options, given.schema));
  const said = await tools.preflight().then(
    (judgement) => {
      expect(findingsOf(judgement).map(({ severity }) => severity)).toContain("error");
      return JSON.stringify(judgement);
    },
    (error: unknown) => {
      expect(isConnectorError(error), String(error)).toBe(true);
      return String(error);
    },
  );
  for (const secret of given.secrets ?? []) expect(said).not.toContain(secret);
}

const noSource = { replays: false, acks: false };

function thrownBy(run: () => unknown): { readonly code: string; readonly message: string } {
  try {
    run();
  } catch (error) {
    if (isConnectorError(error)) return { code: error.code, message: error.message };
    throw error;
  }
  throw new Error("expected a ConnectorError, nothing was thrown");
}

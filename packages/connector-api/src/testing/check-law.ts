import type { ConstructedOperator, TableType, TestMessage } from "../connector.js";
import type { SinkOperator } from "../operator.js";
import type { ReplayRange } from "../pipeline-plan.js";
import type { Row } from "../row.js";
import {
  type CompiledTable,
  type ConnectorFixture,
  compileTable,
  type SinkEnvironment,
  type SourceEnvironment,
} from "./connector-fixture.js";
import { within } from "./eventually.js";
import { type HostedSource, startSink, startSource } from "./operator-host.js";
import { batchOf, flush, type OpenSink, type SinkLaw } from "./sink-laws.js";
import type { SourceLaw } from "./source-laws.js";
import { suiteSchema } from "./suite-rows.js";
import { createTools, offersOf, type RunTest, type TableTools } from "./table-tools.js";

type OperatorOf<Kind extends TableType> = Extract<ConstructedOperator, { readonly kind: Kind }>["operator"];

/** What happens with one outside: everything in `closing` is called when it is over, the last one first. */
interface Stage<Profile, Table, Kind extends TableType, Environment> {
  readonly environment: Environment;
  readonly closing: (() => Promise<void>)[];
  /** The environment's table, with more options. */
  compile(options?: object): CompiledTable<Profile, Table>;
  /** Its operator, closed when it is over. */
  create(options?: object): OperatorOf<Kind>;
  readonly test: RunTest;
  tools(options?: object): TableTools;
  startReplay(range: ReplayRange): Promise<HostedSource>;
}

/** Checks one law over a fresh outside; whoever the law is not about passes it. */
export async function checkSource<Profile, Table>(
  fixture: ConnectorFixture<Profile, Table>,
  open: () => Promise<SourceEnvironment>,
  law: SourceLaw,
): Promise<void> {
  await onStage(fixture, "source", open, async (stage) => {
    const { environment, closing, compile, create, test, tools, startReplay } = stage;
    const { profile, table, config } = compile();
    const capabilities = fixture.connector.sourceCapabilities?.(profile, table);
    if (capabilities === undefined) throw new Error("a connector with sources declares sourceCapabilities");
    const facts = {
      ...{ ...capabilities, ...offersOf(fixture.connector) },
      ...{ format: config.format !== undefined, tests: canTest(fixture) },
    };
    if (!isAbout(law.appliesTo, facts)) return;
    const ends = new Map<object, () => Promise<void>>();
    await law.check({
      environment,
      capabilities,
      create,
      test,
      tools,
      startReplay,
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
  });
}

/** Checks one law over a fresh outside; whoever the law is not about passes it. */
export async function checkSink<Profile, Table>(
  fixture: ConnectorFixture<Profile, Table>,
  open: () => Promise<SinkEnvironment>,
  law: SinkLaw,
): Promise<void> {
  await onStage(fixture, "sink", open, async (stage) => {
    const { environment, compile, create, test, tools, startReplay } = stage;
    const offers = offersOf(fixture.connector);
    const { keepsProgress } = tools();
    const facts = { ...offers, keepsProgress, format: compile().config.format !== undefined, tests: canTest(fixture) };
    if (!isAbout(law.appliesTo, facts)) return;
    const open = async (options?: object): Promise<OpenSink> => {
      const sink = create(options);
      return { sink, ...(await startSink(sink)) };
    };
    const writeTo = async (sink: SinkOperator, rows: readonly Row[], from: number): Promise<void> => {
      await sink.processBatch(batchOf(rows, from));
      await flush(sink, 1);
    };
    const write = async (rows: readonly Row[], from = 1): Promise<void> => {
      const { sink } = await open();
      await writeTo(sink, rows, from);
      await sink.close();
    };
    await law.check({ environment, create, test, open, writeTo, write, tools, offers, startReplay });
  });
}

/** Tries a table and hands back everything that was said. */
export async function runTest<Profile, Table>(
  { connector }: ConnectorFixture<Profile, Table>,
  { connection, config, profile, table }: CompiledTable<Profile, Table>,
  signal: AbortSignal = new AbortController().signal,
): Promise<readonly TestMessage[]> {
  const steps = connector.test?.("suite", profile, table, connection.schema, signal, config);
  if (steps === undefined) throw new Error("the connector has no test");
  return await readAll(steps);
}

export async function readAll(steps: AsyncIterable<TestMessage>): Promise<readonly TestMessage[]> {
  const messages: TestMessage[] = [];
  for await (const message of steps) messages.push(message);
  return messages;
}

async function onStage<Profile, Table, Kind extends TableType, Environment extends SourceEnvironment | SinkEnvironment>(
  fixture: ConnectorFixture<Profile, Table>,
  kind: Kind,
  open: () => Promise<Environment>,
  act: (stage: Stage<Profile, Table, Kind, Environment>) => Promise<void>,
): Promise<void> {
  const closing: (() => Promise<void>)[] = [];
  const errors: unknown[] = [];
  try {
    const environment = await open();
    closing.push(async () => await environment[Symbol.asyncDispose]?.());
    const compile = (options: object = {}): CompiledTable<Profile, Table> =>
      compileTable(fixture, kind, { ...environment.options, ...options }, suiteSchema);
    const create = (options?: object): OperatorOf<Kind> => {
      const { kind: made, operator } = compile(options).makeOperator();
      if (made !== kind) throw new Error(`expected a ${kind}, the connector made a ${made}`);
      closing.push(() => operator.close());
      return operator as OperatorOf<Kind>;
    };
    const test: RunTest = (options, signal) => runTest(fixture, compile(options), signal);
    const tools = (options?: object): TableTools => createTools(fixture.connector, compile(options));
    const startReplay = async (range: ReplayRange): Promise<HostedSource> => {
      const replay = tools().replay(range);
      closing.push(() => replay.close());
      const source = await startSource(replay, { untilCaughtUp: true });
      closing.push(async () => source.stop());
      return source;
    };
    await act({ environment, closing, compile, create, test, tools, startReplay });
  } catch (error) {
    errors.push(error);
  }
  // The law's own error counts first, and one thing that does not close leaves no other one open.
  for (const close of closing.reverse()) {
    try {
      await close();
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length > 0) throw errors[0];
}

function canTest<Profile, Table>({ connector }: ConnectorFixture<Profile, Table>): boolean {
  return connector.test !== undefined;
}

function isAbout(who: Readonly<Record<string, boolean>> = {}, facts: Readonly<Record<string, boolean>>): boolean {
  return Object.entries(who).every(([name, value]) => facts[name] === value);
}

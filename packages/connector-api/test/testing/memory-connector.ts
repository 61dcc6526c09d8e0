import {
  badDataFromOptions,
  type Connector,
  ConnectorError,
  createSinkEncoder,
  failOnBadData,
  type JsonObject,
  type OperatorConfig,
  type OperatorContext,
  parseOperatorConfig,
  type Row,
  type SinkEncoder,
  type SinkOperator,
  type SourceContext,
  type SourceOperator,
  type SplitCollector,
  type TestMessage,
} from "../../src/index.js";
import { memoryTools } from "./memory-tools.js";

/** An input and an output that a test holds in its hand. */
export interface Memory {
  readonly input: string[];
  readonly output: string[];
  acked: number;
  /** Of a sink that keeps progress: its newest incarnation, and up to where it has written. */
  epoch?: number;
  written?: number;
}

/** What a careless author gets wrong: the suite must notice each of them. */
export type Fault =
  | "snapshot reads ahead"
  | "resumes one early"
  | "resumes one late"
  | "ignores backpressure"
  | "acks at once"
  | "acks what was read later"
  | "never acks"
  | "drain loses what it has"
  | "fails with rows in hand"
  | "stop waits for ever"
  | "never ends"
  | "close throws"
  | "flush is early"
  | "output out of order"
  | "truncates its output"
  | "bad row is written"
  | "test passes over a failure"
  | "test takes the input"
  | "test writes"
  | "test goes on when stopped"
  | "test has no remedy"
  | "test decodes nothing"
  | "preflight takes the input"
  | "preflight passes over a failure"
  | "preflight goes on when stopped"
  | "finding has no remedy"
  | "finding of no rule"
  | "explains nothing"
  | "makes what is there"
  | "replay skips one"
  | "replay acks"
  | "reads through too far"
  | "moves one too far"
  | "skips nothing"
  | "forgets its progress"
  | "lets an older one write"
  | "has progress undeclared";

export type MemoryTable = {
  readonly type: "source" | "sink";
  readonly memory: string;
  readonly keepsProgress?: boolean;
};

/** The smallest connector with everything: lines of JSON in an array, acknowledged by count. */
export function memoryConnector(memories: Map<string, Memory>, fault?: Fault): Connector<JsonObject, MemoryTable> {
  return {
    ...memoryTools(memories, fault),
    keepsProgress: (_profile, table) => table.keepsProgress === true,
    name: "memory",
    metadata: () => ({
      id: "memory",
      name: "Memory",
      description: "Arrays of this process.",
      icon: "<svg/>",
      source: true,
      sink: true,
      testing: true,
      customSchemas: true,
      connectionSchema: { type: "object" },
      tableSchema: { type: "object" },
    }),
    metadataColumns: () => [],
    parseProfile: (value) => value as JsonObject,
    parseTable: (value) => value as MemoryTable,
    configDescription: () => "this process",
    tableType: (_profile, table) => table.type,
    sourceCapabilities: () => ({ replays: true, acks: true }),
    getSchema: (_profile, _table, schema) => schema,
    fromOptions(name, options, schema) {
      options.declare(["memory", "type", "token", "keeps_progress", "bad_data"]);
      const badData = badDataFromOptions(options);
      const token = options.pullTemplate("token") ?? "";
      const memory = options.pullString("memory");
      const type = options.pullChoice("type", ["source", "sink"]) ?? "source";
      const table = { type, memory, keepsProgress: options.pullBool("keeps_progress") ?? false };
      options.finish();
      const config = { connection: { token }, table, metadataFields: [], badData };
      const made = this.fromConfig(undefined, name, { token }, table, schema);
      return { ...made, config: JSON.stringify(parseOperatorConfig({ ...config, format: { type: "line" } })) };
    },
    fromConfig: (id, name, connection, table, schema = { columns: [] }) => ({
      id,
      connector: "memory",
      name,
      type: table.type,
      schema,
      description: `array ${table.memory}`,
      config: JSON.stringify({ connection, table, metadataFields: [] } satisfies OperatorConfig),
    }),
    makeOperator(_profile, table, { badData = failOnBadData }) {
      const memory = memories.get(table.memory) ?? { input: [], output: [], acked: 0 };
      return table.type === "source"
        ? { kind: "source", operator: createSource(memory, badData, fault) }
        : { kind: "sink", operator: createSink(memory, badData, fault, table.keepsProgress) };
    },
    test: (_name, _profile, table, _schema, signal) => testMemory(memories.get(table.memory), table, signal, fault),
  };
}

/** Looks whether the array is there, and whether its first line is a row. */
async function* testMemory(
  memory: Memory | undefined,
  { type }: MemoryTable,
  signal: AbortSignal,
  fault: Fault | undefined,
): AsyncGenerator<TestMessage> {
  const first = memory?.input[0];
  if (fault === "test takes the input") memory?.input.shift();
  if (fault === "test writes") memory?.output.push("{}");
  const decodes = first?.startsWith("{") !== false || fault === "test decodes nothing";
  const stopped = signal.aborted && fault !== "test goes on when stopped";
  const failed = memory === undefined || stopped || (type === "source" && !decodes);
  const remedy = fault === "test has no remedy" ? {} : { remedy: "put rows there" };
  const step = { step: "memory", message: "looked at the array", elapsedMs: 0.1 };
  yield { ...step, status: "running", done: false };
  yield { ...step, ...(failed ? { status: "failed" as const, ...remedy } : { status: "ok" as const }), done: false };
  const says = failed && fault !== "test passes over a failure" ? "failed" : "ok";
  yield { ...step, step: "verdict", status: says, ...(says === "failed" && remedy), done: true };
}

function createSource(
  memory: Memory,
  badData: NonNullable<OperatorConfig["badData"]>,
  fault: Fault | undefined,
): SourceOperator {
  let next = 0;
  let begun = 0;
  let target = 0;
  let split: SplitCollector<number> | undefined;
  const inCheckpoint = new Map<number, number>();
  const handedOn = (): number => (fault === "snapshot reads ahead" ? next : Number(split?.handedOn ?? begun));
  return {
    name: "memory",
    async open(context) {
      const shift = fault === "resumes one early" ? -1 : fault === "resumes one late" ? 1 : 0;
      const start = Number(context.committed?.get("0") ?? context.restored?.get("0")?.next ?? 0);
      next = start === 0 ? 0 : start + shift;
      begun = next;
      target = memory.input.length;
    },
    async run(context: SourceContext, collector) {
      collector.initialize<number>({ decoder: { decode }, badData, metadata: [], describe: (i) => `line ${i}` });
      split = collector.split<number>("0");
      const stopped = (): boolean =>
        context.drain.aborted || (context.signal.aborted && fault !== "stop waits for ever");
      const end = (): number => (context.untilCaughtUp ? target : memory.input.length);
      while (!stopped() && !(context.untilCaughtUp && next >= target && fault !== "never ends")) {
        if (next >= end()) {
          await new Promise((resolve) => setTimeout(resolve, 1));
          continue;
        }
        if (!collector.hasRoom && fault !== "ignores backpressure") await collector.room().catch(() => {});
        if (stopped()) break;
        try {
          split.collect(new TextEncoder().encode(memory.input[next]), next + 1, next);
        } catch (error) {
          if (fault !== "fails with rows in hand") collector.flush();
          throw error;
        }
        next += 1;
        if (fault === "acks at once") memory.acked = next;
      }
      if (context.signal.aborted) return "immediate";
      if (fault !== "drain loses what it has") collector.flush();
      else split = { ...split, handedOn: next };
      return context.drain.aborted ? "graceful" : "final";
    },
    snapshot(checkpointId) {
      inCheckpoint.set(checkpointId, handedOn());
      return new Map([["0", { v: 1, next: handedOn() }]]);
    },
    async checkpointCompleted(checkpointId) {
      if (fault === "never acks") return;
      memory.acked = fault === "acks what was read later" ? next : (inCheckpoint.get(checkpointId) ?? 0);
    },
    async close() {
      if (fault === "close throws" && next === 0) throw new Error("not open");
    },
  };
}

function createSink(
  memory: Memory,
  badData: NonNullable<OperatorConfig["badData"]>,
  fault: Fault | undefined,
  keepsProgress = false,
): SinkOperator {
  let waiting: string[] = [];
  let end: number | undefined;
  let context: OperatorContext | undefined;
  let encoder: SinkEncoder | undefined;
  return {
    name: "memory",
    async open(given) {
      context = given;
      const format = fault === "bad row is written" ? { encode: print } : { encode };
      encoder = createSinkEncoder(format, badData, given.counters);
      if (fault === "truncates its output") memory.output.length = 0;
      memory.epoch = given.identity.epoch;
      if (!keepsProgress && fault !== "has progress undeclared") return {};
      const known = memory.written !== undefined && fault !== "forgets its progress";
      return { committed: new Map(known ? [["0", memory.written ?? 0]] : []) };
    },
    processBatch({ rows, end: upTo }) {
      end = Number(upTo);
      for (const row of rows) {
        const payload = encoder?.encode(row);
        if (payload !== undefined) waiting.push(new TextDecoder().decode(payload));
      }
    },
    async flush() {
      const older = memory.epoch !== context?.identity.epoch && fault !== "lets an older one write";
      if (keepsProgress && older) throw new ConnectorError("FENCED", "taken over");
      if (end !== undefined) memory.written = end;
      const lines = waiting;
      waiting = [];
      const write = (): void => void memory.output.push(...(fault === "output out of order" ? lines.reverse() : lines));
      if (fault === "flush is early") setTimeout(write, 30);
      else write();
      if (context !== undefined) context.counters.rowsOut += lines.length;
    },
    async close() {},
  };
}

function decode(payload: Uint8Array, rows: Row[]): void {
  const text = new TextDecoder().decode(payload);
  if (!text.startsWith("{")) throw new ConnectorError("BAD_DATA", "no object");
  rows.push(JSON.parse(text) as Row);
}

function print(row: Readonly<Row>): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(row));
}

function encode(row: Readonly<Row>): Uint8Array {
  if (typeof row.n === "number") return print(row);
  throw new ConnectorError("BAD_DATA", 'column "n": expected a number');
}

import {
  type CheckpointStore,
  type Connector,
  ConnectorError,
  type JsonObject,
  memoryCheckpoints,
  type PipelinePlan,
  type Row,
  type SourceOperator,
} from "../../src/index.js";
import type { Fault, Memory, MemoryTable } from "./memory-connector.js";

type Tools = Required<
  Pick<
    Connector<JsonObject, MemoryTable>,
    "preflight" | "explain" | "createMissing" | "makeReplay" | "readThrough" | "moveSplit" | "createCheckpoints"
  >
>;

const promise = "at least once";

/** What a connector may offer beside operators, over arrays. */
export function memoryTools(memories: Map<string, Memory>, fault: Fault | undefined): Tools {
  const stores = new Map<string, CheckpointStore>();
  const memoryOf = ({ source, sink }: PipelinePlan<JsonObject, MemoryTable>): Memory | undefined =>
    memories.get((source ?? sink)?.table.memory ?? "");
  return {
    async preflight(plan, signal) {
      refuseStopped(signal, fault === "preflight goes on when stopped");
      const memory = memoryOf(plan);
      if (fault === "preflight takes the input") memory?.input.shift();
      const remedy = fault === "finding has no remedy" ? "" : "make it";
      const missing = { message: "there is no such array", explanation: "nothing can be read", remedy };
      const wrong = memory === undefined && fault !== "preflight passes over a failure";
      const note = { id: "memory-is-volatile", severity: "note", side: "pipeline" } as const;
      const findings = [
        ...(wrong ? [{ id: "memory-missing", severity: "error", side: "source", ...missing } as const] : []),
        { ...note, ...missing, message: "arrays end with the process" },
      ];
      const rules = fault === "finding of no rule" ? ["other"] : ["memory-missing", "memory-is-volatile"];
      return { promise, findings, rules };
    },
    async explain({ source, sink }, signal) {
      refuseStopped(signal, false);
      if (fault === "explains nothing") return { promise, notes: [] };
      const side = { array: (source ?? sink)?.table.memory ?? "" };
      return { promise, notes: [], ...(source && { source: side }), ...(sink && { sink: side }) };
    },
    async createMissing(plan, signal) {
      refuseStopped(signal, false);
      const name = plan.sink?.table.memory;
      if (name === undefined || (memories.has(name) && fault !== "makes what is there")) return [];
      memories.set(name, { input: [], output: [], acked: 0 });
      return [{ kind: "array", name, settings: "empty" }];
    },
    makeReplay({ table }, range) {
      const memory = memories.get(table.memory) ?? { input: [], output: [], acked: 0 };
      if (fault === "replay acks") memory.acked = 1;
      const lines = table.type === "source" ? memory.input : memory.output;
      const last = Math.min(range.to ?? lines.length, lines.length);
      const { from } = range;
      const first =
        from === undefined ? 1 : "last" in from ? last - from.last + 1 : "sequence" in from ? from.sequence : 1;
      return replay(lines, fault === "replay skips one" ? first + 1 : first, last);
    },
    readThrough: (state) => Number(state.next) + (fault === "reads through too far" ? 1 : 0),
    async moveSplit({ table }, state, place, signal) {
      refuseStopped(signal, false);
      const sequence = "sequence" in place ? place.sequence : 1;
      const end = memories.get(table.memory)?.input.length ?? 0;
      if (sequence > end + 1) throw new ConnectorError("USAGE", `the array ends at ${end}`);
      const next = sequence - (fault === "moves one too far" ? 0 : 1);
      const skips = Math.max(0, next - Number(state.next));
      return {
        state: { ...state, next },
        summary: `next is ${sequence}`,
        skips: fault === "skips nothing" ? 0 : skips,
      };
    },
    createCheckpoints(_profile, location, { create = false } = {}) {
      const store = stores.get(location) ?? memoryCheckpoints();
      if (create) stores.set(location, store);
      else if (!stores.has(location)) {
        const missing = (): Promise<never> => Promise.reject(new ConnectorError("STATE_STORE", "no such place"));
        return { ...store, claim: missing };
      }
      return { ...store, close: async () => {} };
    },
  };
}

function refuseStopped(signal: AbortSignal, goesOn: boolean): void {
  if (signal.aborted && !goesOn) throw new ConnectorError("ABORTED", "stopped");
}

function replay(lines: readonly string[], first: number, last: number): SourceOperator {
  return {
    name: "replay",
    async open() {},
    async run(_context, collector) {
      const decode = (payload: Uint8Array, rows: Row[]): void =>
        void rows.push(JSON.parse(new TextDecoder().decode(payload)) as Row);
      collector.initialize<number>({
        decoder: { decode },
        badData: { behavior: "fail" },
        metadata: [],
        describe: String,
      });
      const split = collector.split<number>("0");
      for (let n = first; n <= last; n++) split.collect(new TextEncoder().encode(lines[n - 1]), n, n);
      collector.flush();
      return "final";
    },
    snapshot: () => new Map([["0", { v: 1, next: last }]]),
    async checkpointCompleted() {},
    async close() {},
  };
}

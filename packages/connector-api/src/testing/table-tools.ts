import type { Connector, TestMessage } from "../connector.js";
import type { DeadLetterBox } from "../dead-letter-box.js";
import type { SourceOperator } from "../operator.js";
import type { SplitState } from "../operator-context.js";
import type {
  CreatedPart,
  Explanation,
  InputPlace,
  MovedSplit,
  PipelinePlan,
  Preflight,
  ReplayRange,
  TablePlan,
} from "../pipeline-plan.js";
import type { CompiledTable } from "./connector-fixture.js";

/** Members that a connector may leave out: having one is the declaration, and its laws are asked then. */
export const offers = [
  "preflight",
  "explain",
  "createMissing",
  "makeReplay",
  "readThrough",
  "moveSplit",
  "openDeadLetters",
] as const;

export type Offer = (typeof offers)[number];

/** A test of a table, to its end. Rejects when the connector has none. */
export type RunTest = (options?: object, signal?: AbortSignal) => Promise<readonly TestMessage[]>;

/** What a connector can do with one table beside running it. Each rejects where the connector leaves it out. */
export interface TableTools {
  preflight(signal?: AbortSignal): Promise<Preflight>;
  explain(signal?: AbortSignal): Promise<Explanation>;
  createMissing(signal?: AbortSignal): Promise<readonly CreatedPart[]>;
  replay(range: ReplayRange): SourceOperator;
  readThrough(state: SplitState): number;
  moveSplit(state: SplitState, place: InputPlace, signal?: AbortSignal): Promise<MovedSplit>;
  openDeadLetters(subject: string): Promise<DeadLetterBox>;
  readonly keepsProgress: boolean;
}

export function offersOf<Profile, Table>(connector: Connector<Profile, Table>): Readonly<Record<Offer, boolean>> {
  return Object.fromEntries(offers.map((offer) => [offer, connector[offer] !== undefined])) as Record<Offer, boolean>;
}

/** The tools for a table that is one side of a pipeline whose other side belongs to somebody else. */
export function createTools<Profile, Table>(
  connector: Connector<Profile, Table>,
  { connection, profile, table, config }: CompiledTable<Profile, Table>,
): TableTools {
  const of: TablePlan<Profile, Table> = { name: connection.name, profile, table, config, schema: connection.schema };
  const plan: PipelinePlan<Profile, Table> = {
    ...{ name: "suite", deterministic: true, checkpointIntervalMs: 1000, recoveryMs: 0, durableState: true },
    ...(connection.type === "source" ? { source: of } : { sink: of }),
  };
  const open = new AbortController().signal;
  const has = <T>(offer: Offer, answer: T | undefined): T => {
    if (answer === undefined) throw new Error(`the connector has no ${offer}`);
    return answer;
  };
  return {
    preflight: async (signal = open) => has("preflight", await connector.preflight?.(plan, signal)),
    explain: async (signal = open) => has("explain", await connector.explain?.(plan, signal)),
    createMissing: async (signal = open) => has("createMissing", await connector.createMissing?.(plan, signal)),
    replay: (range) => has("makeReplay", connector.makeReplay?.(of, range)),
    readThrough: (state) => has("readThrough", connector.readThrough?.(state)),
    moveSplit: async (state, place, signal = open) =>
      has("moveSplit", await connector.moveSplit?.(of, state, place, signal)),
    openDeadLetters: async (subject) =>
      has("openDeadLetters", await connector.openDeadLetters?.(profile, { subject }, open)),
    keepsProgress: connector.keepsProgress?.(profile, table) ?? false,
  };
}

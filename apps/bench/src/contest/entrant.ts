/** What a process is told to do. Plain JSON: it crosses to a process of its own. */
export interface Job {
  /** A key of `entrants` in `entrant-process.ts`. */
  readonly entrant: string;
  readonly servers: string;
  /** Name in `payloads.ts`. */
  readonly payload: string;
  readonly format: string;
  /** Messages per turn. */
  readonly count: number;
  readonly delivery?: "at_least_once" | "exactly_once";
  /** What the pipeline's SELECT reads: `*` when absent. */
  readonly select?: string;
  /** Its WHERE, in SQL; absent: every row. */
  readonly where?: string;
  /** Subjects it reads, `,` between them; absent: all of IN. */
  readonly filter?: string;
  /** Processes that share the work. */
  readonly processes?: number;
  /** True when every message has an id of its own, which the column `sent` of the payload "timed" holds. */
  readonly messageId?: boolean;
  /** True when health and metrics are served meanwhile, and somebody asks for them all the time. */
  readonly observed?: boolean;
  /** True when the messages come while the turn goes on, not before it. */
  readonly live?: boolean;
}

/** Time of one turn. */
export interface Timing {
  readonly ms: number;
  /** CPU that the entrant's process used meanwhile, all its threads. */
  readonly cpuMs: number;
}

/** One way of doing the work of a lane. Lives as long as its process; turns come one at a time. */
export interface Entrant {
  /**
   * Does everything that need not be timed (connecting, making a consumer) and resolves to the work itself, which
   * resolves when the last message is done with; to a timing of its own where this process only looks on. Turns are
   * numbered over the whole contest.
   */
  prepare(turn: number): Promise<() => Promise<void> | Promise<Timing>>;
  close(): Promise<void>;
}

export type OpenEntrant = (job: Job) => Promise<Entrant>;

/** Names that all entrants share. The runner fills `IN`, and makes `OUT` anew before each turn. */
export const streams = {
  input: { name: "IN", subject: "in.flights", captures: "in.>" },
  output: { name: "OUT", subject: "out.flights", captures: "out.>" },
} as const;

/** Subjects over which messages of IN are spread where several processes share them. */
export const partitions: readonly string[] = Array.from({ length: 4 }, (_, i) => `${streams.input.subject}.${i}`);

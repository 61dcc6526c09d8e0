/** How fast one entrant of a race was. */
export interface Speed {
  readonly race: string;
  readonly entrant: string;
  /** Messages per second: median and quartiles. */
  readonly perSecond: number;
  readonly low: number;
  readonly high: number;
  /** CPU of the process, in microseconds per message; undefined where several shared a process. */
  readonly cpuMicros: number | undefined;
  /** CPU of the server meanwhile, per message. */
  readonly serverMicros: number | undefined;
}

/** How many times `a` is as fast as `b`. */
export interface Ratio {
  /** `<lane> <race>: <a> / <b>`, the key in `floors.ts`. */
  readonly name: string;
  /** Median of the ratios of neighbouring turns, and the quartiles around it. */
  readonly value: number;
  readonly low: number;
  readonly high: number;
  /** The same of the CPU per message, process and server together: steadier on a busy machine, but blind to waiting. */
  readonly cpu: number | undefined;
  /** Between which values the two medians lie, with 95 % confidence; absent where no rounds were compared. */
  readonly sure?: Bounds;
  readonly cpuSure?: Bounds;
}

export type Bounds = readonly [low: number, high: number];

/** How long messages were on their way, in milliseconds. */
export interface Latency {
  readonly race: string;
  readonly entrant: string;
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
}

/** A number that stands for itself, such as a time to start. */
export interface Measure {
  readonly name: string;
  readonly value: number;
  readonly unit: "ms" | "MB" | "%";
}

/** What a race ended with. */
export interface Outcome {
  readonly latencies?: readonly Latency[];
  readonly measures?: readonly Measure[];
  readonly speeds: readonly Speed[];
  readonly ratios: readonly Ratio[];
}

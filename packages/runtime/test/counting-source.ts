import type { SourceCollector, SourceContext, SourceFinish, SourceOperator, SourceSnapshot } from "@x/connector-api";

/** A real source of the numbers 1, 2, 3 …, resumable, that never waits for anything but room. */
export class CountingSource implements SourceOperator {
  readonly name = "counting";
  readonly acked: number[] = [];
  closed = 0;
  startedAt: number | undefined;
  readonly #upTo: number;
  #handedOn = 0;
  #readHandedOn: () => number = () => this.#handedOn;

  constructor(upTo: number) {
    this.#upTo = upTo;
  }

  async open(context: SourceContext): Promise<void> {
    const committed = context.committed?.get("0");
    this.#handedOn = Number(committed ?? context.restored?.get("0")?.position ?? 0);
    this.startedAt = this.#handedOn + 1;
  }

  async run(context: SourceContext, collector: SourceCollector): Promise<SourceFinish> {
    collector.initialize<number>({
      decoder: { decode: (payload, rows) => void rows.push({ n: Number(new TextDecoder().decode(payload)) }) },
      badData: { behavior: "fail" },
      metadata: [],
      describe: String,
    });
    const split = collector.split<number>("0");
    this.#readHandedOn = () => Number(split.handedOn ?? this.#handedOn);
    const encoder = new TextEncoder();
    for (let n = this.#handedOn + 1; n <= this.#upTo; n++) {
      if (context.signal.aborted) return "immediate";
      if (context.drain.aborted) break;
      split.collect(encoder.encode(String(n)), n, n);
      if (!collector.hasRoom) await collector.room();
      if (n % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    collector.flush();
    return context.drain.aborted ? "graceful" : "final";
  }

  snapshot(): SourceSnapshot {
    return new Map([["0", { v: 1, position: this.#readHandedOn() }]]);
  }

  async checkpointCompleted(checkpointId: number): Promise<void> {
    this.acked.push(checkpointId);
  }

  async close(): Promise<void> {
    this.closed += 1;
  }
}

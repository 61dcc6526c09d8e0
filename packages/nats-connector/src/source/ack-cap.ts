import type { SourceContext } from "@x/connector-api";

/** A server's limit on unacked messages, and what to do before it is reached: at the limit, delivery stops. */
export interface AckCap {
  readonly most: number;
  nearly(): void;
}

/** Near the limit the host is asked for a checkpoint, which acks. */
export function ackCapFor(most: number | undefined, context: SourceContext): AckCap | undefined {
  if (most === undefined) return undefined;
  // A failure is the pipeline's, and told there.
  return { most, nearly: () => void context.requestCheckpoint?.().catch(() => {}) };
}

const NEARLY = 0.8;

/** Counts what is unacked against the limit, and says once that it is near, until less of it is. */
export class CapWatch {
  readonly #cap: AckCap | undefined;
  readonly #threshold: number;
  #unacked = 0;
  #told = false;

  constructor(cap: AckCap | undefined) {
    this.#cap = cap;
    this.#threshold = cap === undefined ? Number.POSITIVE_INFINITY : Math.max(1, Math.floor(cap.most * NEARLY));
  }

  delivered(): void {
    this.#unacked += 1;
    if (this.#unacked >= this.#threshold && !this.#told) this.#tell();
  }

  acked(count: number): void {
    this.#unacked -= count;
    this.#told = false;
    if (this.#unacked >= this.#threshold) this.#tell();
  }

  #tell(): void {
    this.#told = true;
    this.#cap?.nearly();
  }
}

import type { SourcePosition } from "@x/connector-api";
import type { StagedOutput } from "./stage-codec.js";
import { MAX_STAGED_BYTES, MAX_STAGED_OUTPUTS, tooMuchToStage } from "./stage-limits.js";

/** Collects the outputs of one input, as far as they may be staged. */
export class StageCollector {
  readonly #sequenceOf: (position: SourcePosition) => number;
  #outputs: StagedOutput[] = [];
  #bytes = 0;

  constructor(sequenceOf: (position: SourcePosition) => number) {
    this.#sequenceOf = sequenceOf;
  }

  get isEmpty(): boolean {
    return this.#outputs.length === 0;
  }

  /** Throws CAPABILITY_MISSING for more than may be staged. */
  add(output: StagedOutput, position: SourcePosition): void {
    this.#bytes += output.payload.length + (output.headers?.length ?? 0);
    if (this.#outputs.length === MAX_STAGED_OUTPUTS || this.#bytes > MAX_STAGED_BYTES) {
      throw tooMuchToStage(this.#sequenceOf(position));
    }
    this.#outputs.push(output);
  }

  /** What was collected; begins anew. */
  take(): StagedOutput[] {
    const outputs = this.#outputs;
    this.#outputs = [];
    this.#bytes = 0;
    return outputs;
  }
}

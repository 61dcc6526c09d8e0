import type { SourcePosition } from "@x/connector-api";
import { encodedBytes, type StagedOutput } from "./stage-codec.js";
import { MAX_STAGED_BYTES, MAX_STAGED_OUTPUTS, tooMuchToStage } from "./stage-limits.js";

/** Outputs of one input, or of several that follow each other. */
export interface CollectedOutputs {
  readonly outputs: readonly StagedOutput[];
  /** Of the last input. */
  readonly position: SourcePosition;
}

/** Collects the outputs of inputs, of each as far as they may be staged. */
export class StageCollector {
  readonly #sequenceOf: (position: SourcePosition) => number;
  #outputs: StagedOutput[] = [];
  #position: SourcePosition = null;
  /** Where the last input begins. */
  #start = 0;
  /** Position before it. */
  #before: SourcePosition = null;
  /** Bytes of its payloads and headers. */
  #inputBytes = 0;
  #encodedBytes = 0;

  constructor(sequenceOf: (position: SourcePosition) => number) {
    this.#sequenceOf = sequenceOf;
  }

  get isEmpty(): boolean {
    return this.#outputs.length === 0;
  }

  /** As a stage holds them. */
  get encodedBytes(): number {
    return this.#encodedBytes;
  }

  /** Throws CAPABILITY_MISSING for more of one input than may be staged. */
  add(output: StagedOutput, position: SourcePosition): void {
    if (this.isEmpty || position !== this.#position) this.#begin(position);
    this.#inputBytes += output.payload.length + (output.headers?.length ?? 0);
    if (this.#outputs.length - this.#start === MAX_STAGED_OUTPUTS || this.#inputBytes > MAX_STAGED_BYTES) {
      throw tooMuchToStage(this.#sequenceOf(position));
    }
    this.#outputs.push(output);
    this.#encodedBytes += encodedBytes(output);
  }

  /** What was collected; begins anew. */
  take(): CollectedOutputs {
    const taken = { outputs: this.#outputs, position: this.#position };
    this.#outputs = [];
    this.#start = 0;
    this.#encodedBytes = 0;
    return taken;
  }

  /** What was collected of inputs before the last one; undefined when there is none. */
  takeEarlier(): CollectedOutputs | undefined {
    if (this.#start === 0) return undefined;
    const outputs = this.#outputs.splice(0, this.#start);
    this.#start = 0;
    this.#encodedBytes -= outputs.reduce((sum, output) => sum + encodedBytes(output), 0);
    return { outputs, position: this.#before };
  }

  #begin(position: SourcePosition): void {
    this.#before = this.#position;
    this.#position = position;
    this.#start = this.#outputs.length;
    this.#inputBytes = 0;
  }
}

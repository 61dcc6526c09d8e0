import {
  type Barrier,
  ConnectorError,
  type RecordBatch,
  type SourcePosition,
  toConnectorError,
} from "@x/connector-api";
import type { AckedPublisher } from "../sink/acked-publisher.js";
import { createByteStore } from "../sink/header-bytes.js";
import type { Publisher } from "../sink/publisher.js";
import type { FencedLane } from "./fenced-lane.js";
import { headerBlock } from "./header-block.js";
import { undeclaredSplit } from "./resumption.js";
import type { Stage } from "./stage.js";
import type { StagedOutput } from "./stage-codec.js";
import type { StageCollector } from "./stage-collector.js";

export interface FencedPublisherOptions {
  readonly acked: AckedPublisher;
  /** By split. */
  readonly lanes: ReadonlyMap<string, FencedLane>;
  /** Of a transform that is not deterministic: keeps the outputs of an input together, since several are staged. */
  readonly together: StageCollector | undefined;
  /** Aborted at the end: it ends every wait of the lanes. */
  readonly stop: AbortController;
}

/** What this mode adds to the headers of an output, at most, beside names of any length. */
export const FENCED_HEADER_BYTES = 220;

/**
 * Publishes outputs one by one into a stream that others write into as well. Each expects the split's progress to be
 * where this instance has put it, so nothing of an older instance is stored behind a newer claim, and nothing that was sent before
 * behind what is sent again; and each has an id, by which it is known in the stream. Progress is told when all is confirmed: for that time no output is sent.
 */
export class FencedPublisher implements Publisher {
  readonly #options: FencedPublisherOptions;
  readonly #store = createByteStore();
  /** Of the batch at hand. */
  #lane: FencedLane | undefined;
  /** Records that are being written. */
  #telling: Promise<void> | undefined;
  #failure: ConnectorError | undefined;
  /** Whose outputs are kept together; `index` is the row of the first. */
  #input: { readonly position: SourcePosition; readonly index: number } | undefined;

  constructor(options: FencedPublisherOptions) {
    this.#options = options;
  }

  /** Publishes what is missing of a stage that an earlier run has not finished. */
  finishStage(lane: FencedLane, stage: Stage): void {
    const { acked } = this.#options;
    lane.end(stage.position);
    void this.#tell(async () => {
      await this.#publishStaged(lane, stage);
      await acked.delivered();
      await lane.settle();
    });
  }

  get hasRoom(): boolean {
    return this.#telling === undefined && this.#options.acked.hasRoom;
  }

  get inFlight(): number {
    return this.#options.acked.inFlight;
  }

  async room(): Promise<void> {
    while (this.#telling !== undefined) await this.#telling;
    await this.#options.acked.room();
  }

  begin(batch: RecordBatch): number {
    const lane = this.#options.lanes.get(batch.split);
    if (lane === undefined) throw undeclaredSplit(batch);
    this.#lane = lane;
    const skipped = lane.begin(batch);
    if (batch.rows.length > 0 && !lane.isOpen) void this.#tell(() => lane.openUp());
    return skipped;
  }

  add(
    subject: string,
    payload: Uint8Array,
    headers: Uint8Array | undefined,
    position: SourcePosition,
    index: number,
  ): void {
    const { together } = this.#options;
    if (together === undefined) {
      this.#publish({ subject, payload, headers }, this.#lane?.linesOf(position, index));
      return;
    }
    if (this.#input?.position !== position) {
      this.#release();
      this.#input = { position, index };
    }
    together.add({ subject, payload, headers }, position);
  }

  end({ end }: RecordBatch): void {
    this.#release();
    this.#lane?.end(end);
  }

  delivered(barrier: Barrier): Promise<void> {
    const { acked, lanes } = this.#options;
    return this.#tell(async () => {
      await acked.delivered();
      await Promise.all([...lanes.values()].map((lane) => lane.tell(barrier)));
    });
  }

  fail(error: ConnectorError): void {
    this.#failure ??= error;
    this.#options.acked.fail(error);
    this.#options.stop.abort(error);
  }

  close(): void {
    this.#options.acked.close();
    this.#options.stop.abort(new ConnectorError("CLOSED", "the sink is closed"));
  }

  /** The outputs of an input are all known. */
  #release(): void {
    const { together, acked } = this.#options;
    const input = this.#input;
    const lane = this.#lane;
    if (input === undefined || lane === undefined || together === undefined) return;
    this.#input = undefined;
    const { outputs } = together.take();
    const { position, index } = input;
    const passed = lane.pass(position);
    if (passed === undefined) return;
    if (outputs.length === 1) {
      const publish = (): void => this.#publish(outputs[0] as StagedOutput, lane.linesOf(position, index));
      if (this.#telling === undefined) publish();
      else void this.#tell(async () => publish());
      return;
    }
    const stage = lane.createStage(position, outputs);
    void this.#tell(async () => {
      await acked.delivered();
      await lane.stage(stage, passed.before);
      await this.#publishStaged(lane, stage);
    });
  }

  async #publishStaged(lane: FencedLane, stage: Stage): Promise<void> {
    const { acked } = this.#options;
    for (const [i, output] of stage.outputs.entries()) {
      if (!acked.hasRoom) await acked.room();
      this.#publish(output, lane.linesOf(stage.position, i));
    }
  }

  /** Nothing for an output that is in the stream already. */
  #publish({ subject, payload, headers }: StagedOutput, lines: string | undefined): void {
    if (lines === undefined) return;
    this.#options.acked.add(subject, payload, headerBlock(this.#store, lines, headers));
  }

  /** One after the other; a failure is the publisher's. */
  #tell(write: () => Promise<void>): Promise<void> {
    const telling: Promise<void> = (this.#telling ?? Promise.resolve()).then(write).then(
      () => {
        if (this.#telling === telling) this.#telling = undefined;
      },
      (error: unknown) => {
        // What was stopped says only that it was.
        throw this.#failure ?? error;
      },
    );
    this.#telling = telling;
    telling.catch((error: unknown) => this.fail(toConnectorError(error)));
    return telling;
  }
}

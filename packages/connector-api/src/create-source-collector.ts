import { type DeadLetters, deadLettersFor, type RefusedInput } from "./dead-letters.js";
import { ConnectorError } from "./errors.js";
import { DecoderWaits } from "./held-inputs.js";
import type { OperatorCounters } from "./operator-context.js";
import type { Deserialization, Downstream, SourceCollector, SplitCollector } from "./source-collector.js";
import { type RowLimit, SplitBatcher } from "./split-batcher.js";

export interface CollectorOptions {
  readonly downstream: Downstream;
  readonly counters: OperatorCounters;
  /** A batch is handed on when it holds this many rows. */
  readonly maxRows?: number;
  /** A batch is handed on when its payloads reach this many bytes. */
  readonly maxBytes?: number;
  /** Rows after which the collector takes no more: the input that reaches it is the last one, with all its rows. */
  readonly maxTotalRows?: number | undefined;
  /** Takes the trace context of each batch's first input along. Default: false. */
  readonly traces?: boolean;
  /** Called once when `maxTotalRows` is reached and the last batch was handed on. */
  readonly onLimit?: () => void;
}

/**
 * A collector for one run of one source. A batch is handed on when it is full, when the host asks with `flush`, or at
 * the end of the event-loop turn when nothing waits downstream: a lone row is never held back, and batches grow by
 * themselves while downstream is busy.
 */
export function createSourceCollector(options: CollectorOptions): SourceCollector {
  const { downstream, counters, maxRows = 1000, maxBytes = 1024 * 1024 } = options;
  const { maxTotalRows, traces = false, onLimit = () => {} } = options;
  const limit: RowLimit | undefined = maxTotalRows === undefined ? undefined : { left: maxTotalRows, reached: onLimit };
  const splits = new Map<string, SplitBatcher<never>>();
  const waits = new DecoderWaits();
  let deserialization: Deserialization<never> | undefined;
  let letters: DeadLetters<RefusedInput<never>> | undefined;
  let scheduled = false;

  const flush = (): void => {
    for (const split of splits.values()) split.handOn();
  };
  const handOnWhenIdle = (): void => {
    if (scheduled) return;
    scheduled = true;
    setImmediate(() => {
      scheduled = false;
      if (downstream.idle) flush();
    });
  };

  return {
    initialize(given) {
      letters = deadLettersFor(given.badData, given.deadLetters as DeadLetters<RefusedInput<never>> | undefined);
      deserialization = { ...given, deadLetters: letters } as Deserialization<never>;
    },
    split<Message>(name: string): SplitCollector<Message> {
      if (deserialization === undefined) throw new ConnectorError("UNEXPECTED", "split() before initialize()");
      let split = splits.get(name);
      if (split === undefined) {
        split = new SplitBatcher(name, deserialization, {
          downstream,
          counters,
          maxRows,
          maxBytes,
          limit,
          waits,
          traces,
          begun: handOnWhenIdle,
        });
        splits.set(name, split);
      }
      return split as unknown as SplitCollector<Message>;
    },
    flush,
    get hasRoom() {
      return downstream.hasRoom && !waits.pending && (letters === undefined || letters.hasRoom);
    },
    async room() {
      await waits.settled();
      await downstream.room();
      await letters?.room();
    },
  };
}

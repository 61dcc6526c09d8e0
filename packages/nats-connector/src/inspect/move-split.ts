import { ConnectorError, type InputPlace, type MovedSplit, type SplitState } from "@x/connector-api";
import type { JetStreamApi } from "../jetstream/api.js";
import { nanosecondsOf } from "../jetstream/position.js";
import { decodeRecord } from "../jetstream/state-record.js";
import type { TableConfig } from "../table-config.js";
import { resolvePlace } from "./seek.js";

/**
 * The state of a split as if everything before `place` had been read. The stream is taken as it is now, also when it
 * was made anew since. Rejects with USAGE for a table without positions, a work queue, whose acked messages are gone,
 * and a place that is not in the stream.
 */
export async function moveSplit(
  api: JetStreamApi,
  table: TableConfig,
  state: SplitState,
  place: InputPlace,
  signal: AbortSignal,
): Promise<MovedSplit> {
  if (state.ordering === "none") {
    throw new ConnectorError(
      "USAGE",
      "a source with ordering = 'none' keeps no position: the server knows what was acked",
    );
  }
  const record = decodeRecord(state);
  if (table.type !== "jetstream-source" || table.stream !== record.stream) {
    const reads = table.type === "jetstream-source" ? `stream "${table.stream}"` : "no stream";
    throw new ConnectorError("USAGE", `the state is about stream "${record.stream}" and the table reads ${reads}`);
  }
  const stream = await api.streamInfo(table.stream, signal);
  if (stream.config.retention === "workqueue") {
    throw new ConnectorError(
      "USAGE",
      `stream "${table.stream}" is a work queue: what was read is gone from it, and there is no other place to read from`,
    );
  }
  const next = await resolvePlace(api, stream, place, signal);
  const last = next > 1 ? await api.getMessage(table.stream, { seq: next - 1 }, signal) : undefined;
  // Where the old place was, and the first pass that it belonged to, say nothing of the new one.
  const { lastTs: _lastTs, initialUntil: _initialUntil, ...rest } = state;
  const from = Math.max(record.lastSeq, record.scannedSeq) + 1;
  const recreated = stream.created === record.created ? "" : ", which was made anew since";
  return {
    state: {
      ...rest,
      v: state.v,
      created: stream.created,
      lastSeq: String(next - 1),
      scannedSeq: String(next - 1),
      consumerSeq: "0",
      ...(last === undefined ? {} : { lastTs: nanosecondsOf(last.time) }),
    },
    summary: `stream "${table.stream}"${recreated}: the next message is ${next}, and was ${from}`,
    skips: recreated === "" ? Math.max(0, next - from) : 0,
  };
}

import type { PipelinePlan } from "@x/connector-api";
import type { JetStreamApi, StreamInfo } from "../jetstream/api.js";
import { nanosecondsOf } from "../jetstream/position.js";
import { decodeRecord, type SplitRecord } from "../jetstream/state-record.js";
import type { JetStreamSourceTable } from "../table-config.js";
import type { JetStreamSourceFacts, KnownConsumer } from "./facts.js";
import type { Reader } from "./read-system.js";

/** Consumers that are looked at one by one. */
const MAX_CONSUMERS = 200;

type StreamFacts = Pick<JetStreamSourceFacts, "stream" | "consumers" | "positions" | "next" | "storedAtPosition">;

/** The stream of a source, where a start would begin in it, and who else reads it. */
export async function readSourceStream(
  plan: Pick<PipelinePlan, "name" | "restored">,
  table: JetStreamSourceTable,
  api: JetStreamApi,
  reader: Reader,
  signal: AbortSignal,
): Promise<StreamFacts> {
  // A shared consumer has no position: what it knows is on the server.
  const positions = table.ordering === "none" ? [] : [...(plan.restored?.values() ?? [])].map(decodeRecord);
  const stream = await reader.askForStream(table.stream, api.streamInfo(table.stream, signal));
  if (stream === undefined) {
    return { stream, positions, consumers: undefined, next: undefined, storedAtPosition: undefined };
  }
  const messages = `messages of stream "${table.stream}"`;
  const last = positions[0]?.lastSeq ?? 0;
  const atPosition = last > 0 ? reader.ask(messages, api.getMessage(table.stream, { seq: last }, signal)) : undefined;
  const time = (await atPosition)?.time;
  return {
    stream,
    positions,
    storedAtPosition: time === undefined ? undefined : nanosecondsOf(time),
    next: await reader.ask(messages, nextMessage(table, stream, positions, api, signal)),
    consumers: await reader.ask(
      `the consumers of stream "${table.stream}"`,
      readConsumers(plan.name, table.stream, positions, api, signal),
    ),
  };
}

/** The first message that a start would read. */
async function nextMessage(
  { stream: name, deliver, filterSubjects }: JetStreamSourceTable,
  { state }: StreamInfo,
  positions: readonly SplitRecord[],
  api: JetStreamApi,
  signal: AbortSignal,
): Promise<StreamFacts["next"]> {
  let from = state.first_seq;
  if (positions.length > 0)
    from = Math.min(...positions.map(({ lastSeq, scannedSeq }) => Math.max(lastSeq, scannedSeq) + 1));
  else if (deliver.policy === "by_start_sequence") from = deliver.startSequence;
  else if (deliver.policy !== "all") return undefined;
  if (state.messages === 0 || from > state.last_seq) return undefined;
  let next: StreamFacts["next"];
  for (const filter of filterSubjects.length === 0 ? [">"] : filterSubjects) {
    const message = await api.getMessage(name, { seq: Math.max(from, 1), next_by_subj: filter }, signal);
    if (message === undefined || (next !== undefined && next.seq < message.seq)) continue;
    next = { seq: message.seq, storedAtMs: Date.parse(message.time) };
  }
  return next;
}

async function readConsumers(
  pipeline: string,
  stream: string,
  positions: readonly SplitRecord[],
  api: JetStreamApi,
  signal: AbortSignal,
): Promise<readonly KnownConsumer[]> {
  const names = await api.consumerNames(stream, signal);
  const found: KnownConsumer[] = [];
  for (const name of names.slice(0, MAX_CONSUMERS)) {
    const info = await api.consumerInfo(stream, name, signal);
    if (info === undefined) continue;
    const own = info.config.metadata?.pipeline === pipeline || positions.some(({ consumer }) => consumer === name);
    found.push({ info, own });
  }
  return found;
}

import { ConnectorError, type SinkContext, type SinkEncoder, type SourceOrigin } from "@x/connector-api";
import { type Capabilities, readCapabilities } from "../capabilities.js";
import type { StreamConfig } from "../jetstream/api.js";
import type { OpenConnection } from "../open-connection.js";
import type { Attached } from "../sink/sink-operator.js";
import { StreamWatch, type StreamWatchOptions } from "../sink/stream-watch.js";
import { answerWithin, assertCaptures, messageLimitOf, readSinkStream } from "../sink/target-stream.js";
import type { JetStreamSinkTable } from "../table-config.js";
import { openAtomic } from "./open-atomic.js";
import { openChain } from "./open-chain.js";
import { openFenced } from "./open-fenced.js";
import { type ExactlyOncePlan, planExactlyOnce } from "./plan-exactly-once.js";

export interface ExactlyOnceSetting {
  readonly link: OpenConnection;
  readonly table: JetStreamSinkTable;
  /** Pattern of the subjects that outputs go to. */
  readonly subject: string;
  readonly context: SinkContext;
  readonly origin: SourceOrigin;
  readonly encoder: SinkEncoder;
  /** How long an answer about the stream may take. */
  readonly patienceMs: number;
}

/** Where a mode writes. */
export interface ExactlyOnceTarget {
  readonly config: StreamConfig;
  /** JetStream domain of the stream, where it is in one. */
  readonly domain: string | undefined;
  readonly server: Capabilities;
  /** Progress subject of each split. */
  readonly progress: ReadonlyMap<string, string>;
}

/** Chooses the mode, claims every split of the source and reads where it stands. */
export async function openExactlyOnce(setting: ExactlyOnceSetting): Promise<Attached> {
  const { link, table, subject, context, origin, patienceMs } = setting;
  const ask = <T>(read: (signal: AbortSignal) => Promise<T>): Promise<T> =>
    answerWithin(patienceMs, context.signal, read);
  const { config, domain } = await ask((signal) => readSinkStream(link.api, table, subject, signal));
  const server = await ask((signal) => readCapabilities(link.api, link.client, signal));
  const { identity, deterministic } = context;
  const { pipeline } = identity;
  const plan = planExactlyOnce({ table, pipeline, splits: origin.splits, stream: config, server, deterministic });
  if (plan.mode === undefined) throw impossible(table.stream, plan);
  const { mode, because, progress, notes } = plan;
  context.logger[mode === "fenced-msgid" ? "warn" : "info"](
    { stream: table.stream, mode, progress: [...progress.values()], notes },
    `exactly once: ${because}`,
  );
  const attached = await open[mode](setting, { config, domain, server, progress });
  const maxMessageBytes = messageLimitOf(config, subject);
  return maxMessageBytes === undefined ? attached : { ...attached, maxMessageBytes };
}

/** Rejects when the stream can no longer take outputs, or progress on the subject of a split. */
export async function checkTarget({ link, table, subject }: ExactlyOnceSetting, progress: string): Promise<void> {
  const { config } = await readSinkStream(link.api, table, subject);
  assertCaptures(config, progress, "exactly_once.progress_subject");
}

/** Looks at the stream of a split that nobody answers for. */
export function watchTarget(
  setting: ExactlyOnceSetting,
  progress: string,
  gone: StreamWatchOptions["gone"],
): StreamWatch {
  return new StreamWatch({ stream: setting.table.stream, checkStream: () => checkTarget(setting, progress), gone });
}

const open = { atomic: openAtomic, chain: openChain, "fenced-msgid": openFenced };

function impossible(
  stream: string,
  { reasons, remedies }: Extract<ExactlyOncePlan, { mode: undefined }>,
): ConnectorError {
  return new ConnectorError(
    "CAPABILITY_MISSING",
    `delivery = 'exactly_once' is not possible into stream "${stream}": ${reasons.join("; ")}. What would make it possible: ${remedies.join("; ")}`,
    { context: { stream, reasons, remedies } },
  );
}

import { ConnectorError, type SinkContext, type SinkEncoder, type SourceOrigin } from "@x/connector-api";
import { type Capabilities, readCapabilities } from "../capabilities.js";
import type { StreamConfig } from "../jetstream/api.js";
import type { OpenConnection } from "../open-connection.js";
import type { Attached } from "../sink/sink-operator.js";
import { answerWithin, readTargetStream } from "../sink/target-stream.js";
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
  readonly server: Capabilities;
  /** Progress subject of each split. */
  readonly progress: ReadonlyMap<string, string>;
}

/** Chooses the mode, claims every split of the source and reads where it stands. */
export async function openExactlyOnce(setting: ExactlyOnceSetting): Promise<Attached> {
  const { link, table, subject, context, origin, patienceMs } = setting;
  const ask = <T>(read: (signal: AbortSignal) => Promise<T>): Promise<T> =>
    answerWithin(patienceMs, context.signal, read);
  const { config } = await ask((signal) => readTargetStream(link.api, table.stream, subject, "subject", signal));
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
  const attached = await open[mode](setting, { config, server, progress });
  const { max_msg_size = -1 } = config;
  return max_msg_size > 0 ? { ...attached, maxMessageBytes: max_msg_size } : attached;
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

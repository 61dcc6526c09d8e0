import { ConnectorError, isConnectorError } from "@x/connector-api";
import type { JetStreamApi, StreamConfig, StreamInfo } from "../jetstream/api.js";
import type { JetStreamSinkTable } from "../table-config.js";
import { coversSubject } from "./subject-match.js";

/**
 * A stream to publish into, checked: it exists, takes messages and captures every subject of `pattern`. Rejects with
 * STREAM_NOT_FOUND or STREAM_MISMATCH; `option` is the one to change.
 */
export async function readTargetStream(
  api: JetStreamApi,
  name: string,
  pattern: string,
  option: string,
  signal?: AbortSignal,
): Promise<StreamInfo> {
  const info = await api.streamInfo(name, signal).catch((error: unknown) => {
    if (!isConnectorError(error) || error.code !== "STREAM_NOT_FOUND") throw error;
    const remedy = `create it with a subject that captures "${pattern}"`;
    throw new ConnectorError("STREAM_NOT_FOUND", `stream "${name}" does not exist; ${remedy}`, {
      cause: error,
      context: { stream: name },
    });
  });
  assertCaptures(info.config, pattern, option);
  return info;
}

/** Throws STREAM_MISMATCH unless the stream takes messages on every subject of `pattern`. */
export function assertCaptures(config: StreamConfig, pattern: string, option: string): void {
  const { name, subjects = [], mirror, sealed } = config;
  const reason =
    mirror !== undefined
      ? "is a mirror and takes no messages of its own"
      : sealed === true
        ? "is sealed and takes no messages"
        : subjects.some((each) => coversSubject(each, pattern))
          ? undefined
          : `captures ${subjects.map((each) => `"${each}"`).join(", ") || "no subject"}, not every subject of "${pattern}"; add it to the stream's subjects or change ${option}`;
  if (reason === undefined) return;
  throw new ConnectorError("STREAM_MISMATCH", `stream "${name}" ${reason}`, {
    context: { stream: name, subjects, pattern },
  });
}

/** Headers that a stream acts on, and the setting that lets it. */
const headerSettings: Readonly<Record<string, keyof StreamConfig>> = {
  "nats-rollup": "allow_rollup_hdrs",
  "nats-ttl": "allow_msg_ttl",
  "nats-incr": "allow_msg_counter",
  "nats-schedule": "allow_msg_schedules",
};

/**
 * The stream of a table, checked like {@link readTargetStream}, and for what else the table needs of it: acknowledgements
 * (STREAM_MISMATCH) and the settings its headers need (CAPABILITY_MISSING).
 */
export async function readSinkStream(
  api: JetStreamApi,
  { stream, delivery, headers }: Pick<JetStreamSinkTable, "stream" | "delivery" | "headers">,
  pattern: string,
  signal?: AbortSignal,
): Promise<StreamInfo> {
  const info = await readTargetStream(api, stream, pattern, "subject", signal);
  const { config } = info;
  if (config.no_ack === true && delivery !== "at_most_once") {
    const message = `stream "${stream}" does not acknowledge what is published (no_ack); turn that off, or take delivery = 'at_most_once'`;
    throw new ConnectorError("STREAM_MISMATCH", message, { context: { stream } });
  }
  const [untaken] = headersNotTaken(config, headers);
  if (untaken === undefined) return info;
  const { name, setting } = untaken;
  const message = `header.${name}: stream "${stream}" does not set ${setting}; set it there, or leave the header out`;
  throw new ConnectorError("CAPABILITY_MISSING", message, { context: { stream, setting } });
}

/** Headers of a table that the stream would refuse, or a server that is too old would ignore, and the setting they need. */
export function headersNotTaken(
  config: StreamConfig,
  headers: Readonly<Record<string, string>>,
): readonly { readonly name: string; readonly setting: string }[] {
  return Object.keys(headers).flatMap((name) => {
    const setting = headerSettings[name.toLowerCase()];
    return setting === undefined || config[setting] === true ? [] : [{ name, setting }];
  });
}

/** What the file store keeps of a message beside subject, headers and payload. */
const STORED_BYTES = 34;

/** The most bytes of a message with its headers that the stream can ever take; undefined when it sets no limit. */
export function messageLimitOf(
  { max_msg_size = -1, max_bytes = -1 }: StreamConfig,
  pattern: string,
): number | undefined {
  const limits = [max_msg_size];
  // A longer one would be refused for ever as too much for a full stream, or be removed as soon as it is stored.
  if (max_bytes > 0) limits.push(Math.max(1, max_bytes - STORED_BYTES - pattern.length));
  const set = limits.filter((limit) => limit > 0);
  return set.length === 0 ? undefined : Math.min(...set);
}

/** An answer that is there within `patienceMs`; else rejects with SERVER_UNAVAILABLE, to be asked for again. */
export async function answerWithin<T>(
  patienceMs: number,
  signal: AbortSignal,
  ask: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const late = AbortSignal.timeout(patienceMs);
  try {
    return await ask(AbortSignal.any([signal, late]));
  } catch (error) {
    if (!late.aborted || signal.aborted || !isConnectorError(error) || error.code !== "ABORTED") throw error;
    throw new ConnectorError(
      "SERVER_UNAVAILABLE",
      `JetStream does not answer (after ${patienceMs} ms): it may have no leader`,
    );
  }
}

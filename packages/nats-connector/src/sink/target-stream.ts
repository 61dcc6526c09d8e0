import { ConnectorError, isConnectorError } from "@x/connector-api";
import type { JetStreamApi, StreamInfo } from "../jetstream/api.js";
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
  const { subjects = [], mirror, sealed } = info.config;
  const reason =
    mirror !== undefined
      ? "is a mirror and takes no messages of its own"
      : sealed === true
        ? "is sealed and takes no messages"
        : subjects.some((each) => coversSubject(each, pattern))
          ? undefined
          : `captures ${subjects.map((each) => `"${each}"`).join(", ") || "no subject"}, not every subject of "${pattern}"; add it to the stream's subjects or change ${option}`;
  if (reason === undefined) return info;
  throw new ConnectorError("STREAM_MISMATCH", `stream "${name}" ${reason}`, {
    context: { stream: name, subjects, pattern },
  });
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

import { ConnectorError } from "@x/connector-api";
import type { JetStreamApi, StreamInfo } from "../jetstream/api.js";
import { compileSubjectTemplate } from "../sink/subject-template.js";
import { readTargetStream } from "../sink/target-stream.js";

const OPTION = "dead_letter.subject";

/** Refuses, before any I/O, what is no subject to publish to. Throws OPTION_INVALID. */
export function checkDeadLetterSubject(subject: string): void {
  compileSubjectTemplate(subject, { columns: [] }, OPTION);
}

/**
 * The stream that keeps the dead letters. Rejects with STREAM_MISMATCH when none captures the subject, or one that
 * would not keep them.
 */
export async function resolveDeadLetterStream(
  api: JetStreamApi,
  subject: string,
  signal: AbortSignal,
): Promise<StreamInfo> {
  const [name] = await api.streamNames(subject, signal);
  if (name === undefined) {
    const remedy = `create a stream with this subject or change ${OPTION}`;
    throw new ConnectorError("STREAM_MISMATCH", `${OPTION}: no stream captures "${subject}"; ${remedy}`, {
      context: { option: OPTION, subject },
    });
  }
  const info = await readTargetStream(api, name, subject, OPTION, signal);
  if (info.config.retention !== "interest" || info.state.consumer_count > 0) return info;
  const text = `${OPTION}: stream "${name}" has interest retention and no consumer, so it would drop every dead letter; use limits retention or add a consumer`;
  throw new ConnectorError("STREAM_MISMATCH", text, { context: { option: OPTION, subject, stream: name } });
}

/** A dead letter that the source itself reads would come back for ever. */
export function deadLetterLoop(subject: string, input: string): ConnectorError {
  const text = `${OPTION}: "${subject}" is read by this source itself (${input}); name a subject of another stream`;
  return new ConnectorError("OPTION_INVALID", text, { context: { option: OPTION, subject } });
}

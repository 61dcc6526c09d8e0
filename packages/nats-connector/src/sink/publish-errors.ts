import { ConnectorError } from "@x/connector-api";
import type { PubAck } from "./pub-ack.js";

/** The stream a message was meant for. */
interface Target {
  readonly stream: string;
  readonly domain?: string | undefined;
}

/** Another stream has the message. */
export function storedElsewhere(
  subject: string,
  { stream: expected, domain }: Target,
  ack: Extract<PubAck, { kind: "other_stream" }>,
): ConnectorError {
  const isNamesake = ack.stream === expected;
  const text = isNamesake
    ? `"${subject}" was stored in stream "${expected}" of domain "${ack.domain}", not in that of domain "${domain}"; give the two streams different subjects`
    : `"${subject}" was stored in stream "${ack.stream}", not in "${expected}"`;
  const context = { subject, stream: ack.stream, expected, ...(isNamesake && { domain: ack.domain }) };
  return new ConnectorError("STREAM_MISMATCH", text, { context });
}

/** The server knows nobody who would take the message. */
export function nobodyAnswers({ stream }: Target): ConnectorError {
  return new ConnectorError("SERVER_UNAVAILABLE", `nobody answers for stream "${stream}"`, { context: { stream } });
}

/** No answer came in time. */
export function answerIsLate({ stream }: Target, timeoutMs: number): ConnectorError {
  const text = `no acknowledgement from stream "${stream}" for ${timeoutMs} ms`;
  return new ConnectorError("SERVER_UNAVAILABLE", text, { context: { stream } });
}

import type { ConnectorError, ErrorCode } from "@x/connector-api";

/** What a user may do about a failed step, by code: a table, so that each failure has one. */
const remedies: Partial<Record<ErrorCode, string>> = {
  ENV_MISSING: "set the environment variable, or correct its name",
  OPTION_INVALID: "correct the option that the message names",
  OPTION_MISSING: "give the option that the message names",
  OPTION_CONFLICT: "leave out one of the options that the message names",
  SCHEMA_INVALID: "correct the columns of the table",
  UNSUPPORTED: "leave it out, or choose what the message names",
  DEPENDENCY_MISSING: "install what the message names",
  CONNECT_FAILED: "check host and port in servers, that the server runs, and that no firewall is in between",
  CONNECTION_LOST: "see the server's log for why it closed the connection, then test again",
  SERVER_UNAVAILABLE:
    "check that JetStream is on (and jetstream.domain, if given), that the stream has a leader, and inbox_prefix",
  AUTH_FAILED: "check auth.type and its secrets (such as auth.username and auth.password) against the server's users",
  AUTH_EXPIRED: "renew the credentials: they have expired",
  TLS_FAILED: "check tls.ca_file, tls.cert_file, tls.key_file, tls.server_name and tls.handshake_first",
  STREAM_NOT_FOUND: "create the stream, or correct the option stream",
  STREAM_MISMATCH:
    "add the subject to the stream's subjects, or change stream, subject, dead_letter.subject or consumer.filter_subjects",
  CONSUMER_REFUSED: "change the consumer.… option that the message names",
  CAPABILITY_MISSING: "use a newer server, enable what the message names, or leave the option out",
  BAD_DATA: "make columns and format match the messages, or set bad_data = 'drop'",
  MESSAGE_TOO_LARGE: "raise the server's max_payload",
  CAPACITY: "raise the limits of the account or the stream, or remove what is unused",
  ABORTED: "the test was stopped; run it again",
};

/** Each subject that the server denies, so that the remedy can be pasted into permissions. */
export interface Denied {
  readonly operation: string;
  readonly subject: string;
}

export function remedyOf(error: ConnectorError): string {
  if (error.code === "PERMISSION_DENIED") return permissionRemedy(error);
  return remedies[error.code] ?? "see docs/errors.md for this code";
}

function permissionRemedy({ context }: ConnectorError): string {
  const one = { operation: context.operation, subject: context.subject } as Denied;
  const denied = (context.denied ?? (typeof one.subject === "string" ? [one] : [])) as readonly Denied[];
  const list = (operation: string): string =>
    denied
      .filter((each) => (each.operation === "subscription") === (operation === "subscribe"))
      .map((each) => `"${each.subject}"`)
      .join(", ");
  const parts = ["publish", "subscribe"]
    .map((operation) => [operation, list(operation)] as const)
    .filter(([, subjects]) => subjects !== "")
    .map(([operation, subjects]) => `${operation} to ${subjects}`);
  return parts.length === 0
    ? "give this user the permission that the message names"
    : `allow this user to ${parts.join(" and to ")}`;
}

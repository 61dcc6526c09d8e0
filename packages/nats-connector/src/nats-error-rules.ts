import type { ErrorCode, Retry } from "@x/connector-api";

/**
 * THE table of foreign errors: JetStream API errors by `err_code`, server statuses by number, errors of the client
 * (`nats` 2 and `@nats-io` 3) and of Node by code or class name. Never by English. A new one is a line here.
 */

/** What a foreign error becomes. */
export interface Rule {
  readonly code: ErrorCode;
  readonly retry?: Retry;
  /** What to do about it, appended to the message. */
  readonly remedy?: string;
  /** What it is likely to be and what to do, in place of the foreign text. */
  readonly reason?: string;
}

const unavailable: Rule = { code: "SERVER_UNAVAILABLE" };
const refused: Rule = { code: "CONSUMER_REFUSED" };
const noCapacity: Rule = { code: "CAPACITY" };
const incapable: Rule = { code: "CAPABILITY_MISSING" };
/** Nothing a user has set: a mistake of the connector's own. */
const misuse: Rule = { code: "UNEXPECTED" };
/** The headers of one message, which come from its row. */
const badHeader: Rule = { code: "BAD_DATA", remedy: "the value comes from a template of header.…" };

/** A setting that the stream had when it was looked at: another look says what is possible without it. */
function switchedOff(setting: string): Rule {
  return { code: "CAPABILITY_MISSING", retry: "rebuild", remedy: `set ${setting} on the stream` };
}

/** JetStream `err_code` → code. Numbers from nats-server `server/errors.json`. */
const apiErrors: Readonly<Record<number, Rule>> = {
  10002: noCapacity, // account resources exceeded
  10003: refused, // bad request
  10004: unavailable, // cluster incomplete
  10005: noCapacity, // no suitable peers
  10007: unavailable, // cluster peer not member
  10008: unavailable, // system temporarily unavailable
  10009: unavailable, // no leader
  10012: refused, // consumer create
  10013: refused, // consumer name exists with another configuration
  10014: { code: "POSITION_LOST" }, // consumer not found
  10023: noCapacity, // insufficient resources
  10025: refused, // invalid JSON
  10026: { code: "CONSUMER_REFUSED", remedy: "raise the limit on consumers or remove unused ones" },
  10028: noCapacity, // memory
  10039: { code: "CAPABILITY_MISSING", remedy: "enable JetStream for this account" },
  10041: unavailable, // general Raft error
  10047: noCapacity, // storage
  10054: { code: "MESSAGE_TOO_LARGE" },
  10059: { code: "STREAM_NOT_FOUND", remedy: "create it first, or correct the name" },
  10060: {
    code: "STREAM_MISMATCH",
    remedy: "another stream captures the subject: change the subject, or the subjects of the streams",
  },
  10070: { code: "PROGRESS_MISMATCH" }, // wrong last message id
  10071: { code: "PROGRESS_MISMATCH" }, // wrong last sequence
  10076: { code: "CAPABILITY_MISSING", remedy: "start the server with JetStream enabled" },
  10077: noCapacity, // stream store failed; also maximum messages or bytes with discard new
  10084: refused, // ack policy on a work queue
  10093: refused, // filter is no subset of the stream's subjects
  10094: { code: "CONSUMER_REFUSED", remedy: "give consumer.filter_subjects" },
  10097: { code: "MESSAGE_TOO_LARGE" }, // headers
  10098: refused, // work queue needs explicit ack
  10099: { code: "CONSUMER_REFUSED", remedy: "a work-queue stream can be read by one pipeline" },
  10100: { code: "CONSUMER_REFUSED", remedy: "a work-queue stream can be read by one pipeline" },
  10101: refused, // work queue needs deliver all
  10109: { code: "STREAM_MISMATCH", remedy: "publish into another stream" }, // sealed
  10111: switchedOff("allow_rollup_hdrs"),
  10118: unavailable, // stream offline
  10119: unavailable, // consumer offline
  10121: refused, // max_ack_pending beyond the stream's limit
  10137: refused, // duplicate filter subjects
  10138: refused, // overlapping filter subjects
  10148: refused, // consumer exists
  10158: unavailable, // the first attempt with the same id is still on its way to the replicas
  10163: unavailable, // sequence of the subject not known at the moment
  10164: { code: "PROGRESS_MISMATCH" },
  10165: badHeader, // Nats-TTL
  10166: switchedOff("allow_msg_ttl"),
  10167: unavailable, // too many requests
  10168: switchedOff("allow_msg_counter"),
  10171: badHeader, // Nats-Incr
  10174: switchedOff("allow_atomic"),
  10175: misuse, // batch sequence missing
  10176: unavailable, // batch incomplete
  10177: misuse, // header in a batch
  10179: misuse, // batch id
  10185: incapable, // API level
  10188: switchedOff("allow_msg_schedules"),
  10189: badHeader, // Nats-Schedule
  10190: badHeader, // its target
  10191: badHeader, // its TTL
  10192: badHeader, // its rollup
  10194: unavailable, // stream offline
  10195: unavailable, // consumer offline
  10199: {
    code: "CAPABILITY_MISSING",
    remedy: "the server limits batches (max_batch_size), progress included: set publish.max_in_flight below that",
  },
  10200: misuse, // batch commit
  10201: misuse, // message id twice in a batch
  10203: badHeader, // its source
  10205: switchedOff("allow_batched"),
  10206: misuse, // batch reply subject
  10207: misuse, // batch id
  10208: unavailable, // batch unknown
  10210: unavailable, // too many open batches
  10211: unavailable,
  10223: badHeader, // its time zone
};

/** Fallback by the HTTP-like `code` of an API error or status message. */
const apiStatuses: Readonly<Record<number, Rule>> = {
  400: refused,
  403: { code: "PERMISSION_DENIED" },
  404: { code: "POSITION_LOST" },
  408: unavailable,
  409: refused,
  429: unavailable,
  503: unavailable,
};

const cannotConnect: Rule = { code: "CONNECT_FAILED" };
const lost: Rule = { code: "CONNECTION_LOST" };
const badAuth: Rule = { code: "AUTH_FAILED" };
const badTls: Rule = { code: "TLS_FAILED" };
const unknownAuthority: Rule = {
  code: "TLS_FAILED",
  reason:
    "the server's certificate is signed by an authority that is not known here; give its certificate as tls.ca_file",
};
const wrongTime: Rule = {
  code: "TLS_FAILED",
  reason: "the server's certificate has expired or is not valid yet; renew it there, or correct this machine's clock",
};

const clientCertificate: Rule = {
  code: "TLS_FAILED",
  reason:
    "the server refuses the client certificate: it may have expired, or be signed by an authority the server does not know (tls.cert_file)",
};

/** Error codes of `nats` 2 and of Node, class names of `@nats-io` 3. */
const clientErrors: Readonly<Record<string, Rule>> = {
  "503": unavailable,
  NoRespondersError: unavailable,
  TIMEOUT: unavailable,
  TimeoutError: unavailable,
  CANCELLED: lost,
  DISCONNECT: lost,
  CONNECTION_CLOSED: lost,
  ClosedConnectionError: lost,
  CONNECTION_DRAINING: lost,
  DrainingConnectionError: lost,
  SUB_CLOSED: lost,
  CONNECTION_REFUSED: cannotConnect,
  CONNECTION_TIMEOUT: cannotConnect,
  ConnectionError: cannotConnect,
  ECONNREFUSED: cannotConnect,
  ECONNRESET: cannotConnect,
  EHOSTUNREACH: cannotConnect,
  ENETUNREACH: cannotConnect,
  ENOTFOUND: cannotConnect,
  EAI_AGAIN: cannotConnect,
  ETIMEDOUT: cannotConnect,
  EPIPE: cannotConnect,
  AUTHORIZATION_VIOLATION: badAuth,
  AuthorizationError: badAuth,
  BAD_AUTHENTICATION: badAuth,
  BAD_CREDS: badAuth,
  AUTHENTICATION_TIMEOUT: badAuth,
  ACCOUNT_EXPIRED: badAuth,
  AUTHENTICATION_EXPIRED: { code: "AUTH_EXPIRED" },
  UserAuthenticationExpiredError: { code: "AUTH_EXPIRED" },
  PERMISSIONS_VIOLATION: { code: "PERMISSION_DENIED" },
  PermissionViolationError: { code: "PERMISSION_DENIED" },
  MAX_PAYLOAD_EXCEEDED: { code: "MESSAGE_TOO_LARGE" },
  TLS: badTls,
  SERVER_OPT_NA: {
    code: "TLS_FAILED",
    reason:
      "the server does not offer TLS, which tls:// or a tls.… option asks for; leave those out, or give the server a tls block",
  },
  ERR_SSL_WRONG_VERSION_NUMBER: {
    code: "TLS_FAILED",
    reason:
      "the server answers in plain text; leave tls.handshake_first out (or TLS, when it has none), or set handshake_first in the server's tls block",
  },
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: {
    code: "TLS_FAILED",
    reason:
      "the server asks for a client certificate; give tls.cert_file and tls.key_file, signed by an authority the server knows",
  },
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: clientCertificate,
  ERR_SSL_TLSV1_ALERT_BAD_CERTIFICATE: clientCertificate,
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: clientCertificate,
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED: clientCertificate,
  "ERR_SSL_SSL/TLS_ALERT_BAD_CERTIFICATE": clientCertificate,
  "ERR_SSL_SSL/TLS_ALERT_CERTIFICATE_EXPIRED": clientCertificate,
  EPROTO: badTls,
  CERT_HAS_EXPIRED: wrongTime,
  CERT_NOT_YET_VALID: wrongTime,
  DEPTH_ZERO_SELF_SIGNED_CERT: unknownAuthority,
  SELF_SIGNED_CERT_IN_CHAIN: unknownAuthority,
  UNABLE_TO_GET_ISSUER_CERT: unknownAuthority,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: unknownAuthority,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: unknownAuthority,
  CERT_SIGNATURE_FAILURE: unknownAuthority,
  ERR_TLS_CERT_ALTNAME_INVALID: {
    code: "TLS_FAILED",
    reason:
      "the server's certificate is for another name; dial a name it carries, or give that name as tls.server_name",
  },
};

/** Of a JetStream API answer: by its number, else by its status. */
export function apiRuleOf(errCode = 0, status = 0): Rule | undefined {
  return apiErrors[errCode] ?? apiStatuses[status];
}

/** Of what the client or Node threw, by one of its names. */
export function clientRuleOf(key: unknown): Rule | undefined {
  if (typeof key !== "string") return undefined;
  return clientErrors[key] ?? (key.startsWith("ERR_SSL_") || key.startsWith("ERR_TLS_") ? badTls : undefined);
}

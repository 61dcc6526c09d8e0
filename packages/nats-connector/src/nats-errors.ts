import { ConnectorError, type ErrorCode, isConnectorError } from "@x/connector-api";
import { apiRuleOf, clientRuleOf, type Rule } from "./nats-error-rules.js";
import { neededPermission } from "./needed-permission.js";

/** The one place where foreign errors become coded ones, which say what was tried. */

/** Error part of a JetStream API answer (ADR-7). */
export interface ApiErrorBody {
  readonly code?: number;
  readonly err_code?: number;
  readonly description?: string;
}

/** The coded error of a JetStream API answer. `action` says what was asked (`create the consumer of stream "S"`). */
export function fromApiError(
  error: ApiErrorBody,
  action: string,
  context: Readonly<Record<string, unknown>> = {},
): ConnectorError {
  const rule = apiRuleOf(error.err_code, error.code) ?? { code: "UNEXPECTED" };
  const text = `cannot ${action}: ${error.description ?? "the server refused"}`;
  return new ConnectorError(rule.code, rule.remedy === undefined ? text : `${text}; ${rule.remedy}`, {
    ...(rule.retry === undefined ? {} : { retry: rule.retry }),
    context: { ...context, errCode: error.err_code, status: error.code },
  });
}

/** The coded error of something the client or Node threw or rejected with; a ConnectorError is returned as it is. */
export function fromClientError(
  error: unknown,
  action: string,
  context: Readonly<Record<string, unknown>> = {},
): ConnectorError {
  if (isConnectorError(error)) return error;
  const known = findKnown(error);
  const code = known?.rule.code ?? "UNEXPECTED";
  const violation = code === "PERMISSION_DENIED" ? permissionOf(known?.error) : undefined;
  const reason =
    violation === undefined
      ? (known?.rule.reason ?? reasons[code] ?? messageOf(error))
      : denialOf(verbs[violation.operation] ?? violation.operation, violation.subject);
  return new ConnectorError(code, `cannot ${action}: ${reason}`, {
    cause: error,
    context: { ...context, ...violation },
  });
}

/**
 * True when a publish did not find the last sequence it expected: 10071 names the one that is there; a replicated
 * stream says 10164 instead while another message of the subject is still on its way.
 */
export function isWrongLastSequence(error: unknown): boolean {
  return isConnectorError(error) && (error.context.errCode === 10071 || error.context.errCode === 10164);
}

/** True for an error that waiting may cure; such a one never ends a running source or sink. */
export function isTransient(error: unknown): boolean {
  return isConnectorError(error) && error.retry === "backoff";
}

/** What a permission error of either client says was refused; undefined for anything else. */
export function permissionOf(error: unknown): { operation: string; subject: string } | undefined {
  if (typeof error !== "object" || error === null) return undefined;
  const facts = error as { permissionContext?: unknown; operation?: unknown; subject?: unknown };
  const { operation, subject } = (facts.permissionContext ?? facts) as { operation?: unknown; subject?: unknown };
  return typeof operation === "string" && typeof subject === "string" ? { operation, subject } : undefined;
}

const reasons: Partial<Record<ErrorCode, string>> = {
  SERVER_UNAVAILABLE: "no answer from the server (JetStream off, no leader, or overloaded)",
  CONNECTION_LOST: "the connection is lost",
  AUTH_FAILED:
    "the server refuses these credentials (or asks for some, with auth.type = none); check auth.type and its options",
  AUTH_EXPIRED: "the credentials have expired; put new ones where auth.… reads them",
};

/** What both clients call an operation, as the server's configuration does. */
const verbs: Readonly<Record<string, string>> = { publish: "publish", subscription: "subscribe" };

function denialOf(verb: string, subject: string): string {
  const needed = neededPermission(subject);
  const entry = needed === subject ? "that subject" : `"${needed}"`;
  return `the server denies this user to ${verb} "${subject}"; it needs ${entry} in its ${verb} permissions`;
}

/** The deepest cause we know: wrappers such as RequestError say less than what they wrap. */
function findKnown(error: unknown): { rule: Rule; error: unknown } | undefined {
  let found: { rule: Rule; error: unknown } | undefined;
  let current = error;
  for (let depth = 0; depth < 5 && typeof current === "object" && current !== null; depth++) {
    const facts = current as { code?: unknown; name?: unknown; cause?: unknown; chainedError?: unknown };
    const rule = clientRuleOf(facts.code) ?? clientRuleOf(facts.name);
    if (rule !== undefined) found = { rule, error: current };
    current = facts.cause ?? facts.chainedError;
  }
  return found;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

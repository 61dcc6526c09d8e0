/** Where a message stands in a distributed trace, as its headers say: https://www.w3.org/TR/trace-context. */
export interface TraceContext {
  readonly traceparent: string;
  /** What vendors add, one that {@link parseTracestate} takes. */
  readonly tracestate?: string | undefined;
}

/** What every vendor carries on. */
const MAX_LENGTH = 512;
const MAX_MEMBERS = 32;
const KEY = /^(?:[a-z][a-z0-9_\-*/]{0,255}|[a-z0-9][a-z0-9_\-*/]{0,240}@[a-z][a-z0-9_\-*/]{0,13})$/;
/** Printable, without comma and equals sign, and no space at the end. */
const VALUE = /^[ -+\--<>-~]{0,255}[!-+\--<>-~]$/;

/**
 * The `tracestate` of a message, from its header's values in order. Undefined where there is none, and for one that is
 * not as the recommendation has it or has more than 512 characters: no vendor has to make sense of it, and what is not
 * understood is dropped as a whole.
 */
export function parseTracestate(values: readonly string[]): string | undefined {
  const members = values
    .flatMap((value) => value.split(","))
    .map((member) => member.trim())
    .filter((member) => member !== "");
  const text = members.join(",");
  if (members.length === 0 || members.length > MAX_MEMBERS || text.length > MAX_LENGTH) return undefined;
  const keys = new Set<string>();
  for (const member of members) {
    const [key = "", value = "", ...more] = member.split("=");
    if (!KEY.test(key) || !VALUE.test(value) || more.length > 0 || keys.has(key)) return undefined;
    keys.add(key);
  }
  return text;
}

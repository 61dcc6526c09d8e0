import type { StreamConfig } from "../jetstream/api.js";

/**
 * What to say of a stream whose retention has changed under a running source; undefined when it has not. Servers from
 * 2.10 on let limits become interest, and the reverse. The change itself removes what consumers without acks were given.
 */
export function retentionChange(
  { retention: before }: Pick<StreamConfig, "retention">,
  { name, retention: now }: Pick<StreamConfig, "name" | "retention">,
): string | undefined {
  if (now === before) return undefined;
  const removed =
    before === "limits"
      ? "; what was delivered and is in no checkpoint yet may be gone from it, and is a gap if this process ends before its next one"
      : "";
  return `stream "${name}" has ${now} retention now, and had ${before}${removed}`;
}

import { ConnectorError } from "@x/connector-api";
import type { StreamInfo } from "../jetstream/api.js";

/**
 * An interest stream needs the new consumer of a split before the old one may go, at a start as after a lost connection:
 * without room for both a running source would end there. Throws CONSUMER_REFUSED, before anything is created.
 */
export function checkRoom({ config, state }: StreamInfo, splits: number, isFirstStart: boolean): void {
  const { name, retention, max_consumers: most = -1 } = config;
  // At a later start some of them are this job's own.
  const others = isFirstStart ? state.consumer_count : 0;
  if (retention !== "interest" || most <= 0 || others + 2 * splits <= most) return;
  throw new ConnectorError(
    "CONSUMER_REFUSED",
    `stream "${name}" allows ${most} consumers and has ${state.consumer_count}: with interest retention each of ${splits} split${splits === 1 ? "" : "s"} needs two, because one takes over from another; raise max_consumers to ${others + 2 * splits}, or remove unused consumers`,
    { context: { stream: name, maxConsumers: most, consumers: state.consumer_count } },
  );
}

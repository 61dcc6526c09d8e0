import { type Identity, isConnectorError, type Logger } from "@x/connector-api";
import type { JetStreamApi } from "../jetstream/api.js";
import { isOutdated } from "../jetstream/consumer-name.js";

export interface LeftoverSearch {
  readonly api: JetStreamApi;
  readonly stream: string;
  readonly identity: Identity;
  readonly split: string;
  readonly rebuild: number;
  /** The consumer of the last checkpoint, for a user who may not list consumers. */
  readonly lastKnown: string | undefined;
  readonly signal: AbortSignal;
  readonly logger: Logger;
}

/**
 * Removes the consumers that earlier incarnations of this job, and earlier attachments of this one, have left for a
 * split; never anybody else's. Best effort: what cannot be removed now is found again at the next start.
 */
export async function removeLeftovers(search: LeftoverSearch): Promise<void> {
  const { api, stream, identity, split, rebuild, lastKnown, signal, logger } = search;
  try {
    const names = await api.consumerNames(stream, signal).catch((error: unknown) => {
      if (!isConnectorError(error) || error.code !== "PERMISSION_DENIED") throw error;
      return lastKnown === undefined ? [] : [lastKnown];
    });
    const outdated = names.filter((name) => isOutdated(name, identity, split, rebuild));
    // At once: the answer for one whose server is down never comes, and the others must not wait for it.
    const removals = outdated.map(async (name) => {
      await api.deleteConsumer(stream, name, signal);
      logger.debug({ stream, consumer: name }, "removed a consumer of an earlier incarnation");
    });
    await Promise.all(removals);
  } catch (error) {
    if (signal.aborted) throw error;
    logger.warn({ stream, error: String(error) }, "could not remove consumers of earlier incarnations");
  }
}

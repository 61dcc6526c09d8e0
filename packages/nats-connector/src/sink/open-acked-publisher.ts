import { setImmediate as nextTurn } from "node:timers/promises";
import { abortable } from "@x/connector-api";
import { fromClientError } from "../nats-errors.js";
import { AckedPublisher, type AckedPublisherOptions } from "./acked-publisher.js";

/**
 * A publisher whose acks are known to arrive: a user who may not subscribe to the inbox learns it here, not from acks
 * that never come. Rejects with PERMISSION_DENIED, ABORTED or what ended the connection.
 */
export async function openAckedPublisher(options: AckedPublisherOptions, signal: AbortSignal): Promise<AckedPublisher> {
  const publisher = new AckedPublisher(options);
  try {
    const { link, stream } = options;
    await abortable(link.client.flush(), signal).catch((error: unknown) => {
      throw fromClientError(error, `publish to stream "${stream}"`, { stream });
    });
    await nextTurn();
    await publisher.room();
  } catch (error) {
    publisher.close();
    throw error;
  }
  return publisher;
}

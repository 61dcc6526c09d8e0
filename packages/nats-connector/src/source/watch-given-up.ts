import type { SourceContext } from "@x/connector-api";
import type { OpenConnection } from "../connection.js";
import type { ConsumerInfo } from "../jetstream/api.js";

interface GivenUp {
  readonly stream_seq?: number;
  readonly deliveries?: number;
}

export function givenUpSubject(stream: string, consumer: string): string {
  return `$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.${stream}.${consumer}`;
}

/**
 * With `consumer.max_deliver` the server gives a message up after so many deliveries and says so to whoever listens
 * (`$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES`): each is a gap of one message that only this tells of.
 */
export function watchGivenUp(
  connection: OpenConnection,
  { name }: ConsumerInfo,
  stream: string,
  { counters, logger, onEvent }: SourceContext,
): void {
  const subject = givenUpSubject(stream, name);
  connection.client.subscribe(subject, {
    callback(error, message) {
      if (error !== null) {
        logger.warn({ subject, error: error.message }, "messages that the server gives up will not be counted");
        return;
      }
      const { stream_seq: sequence, deliveries } = parse(message.data);
      counters.gaps += 1;
      counters.lostMessages += 1;
      const facts = { event: "gap", reason: "max_deliver", stream, from: sequence, to: sequence, deliveries };
      const text = `message ${sequence} of stream "${stream}" was delivered ${deliveries} times and given up`;
      logger.warn(facts, text);
      onEvent?.({ type: "gap", reason: text, ...(sequence === undefined ? {} : { from: sequence, to: sequence }) });
    },
  });
}

/** Never throws: an exception in a callback ends the client's reader. */
function parse(data: Uint8Array): GivenUp {
  try {
    return JSON.parse(Buffer.from(data).toString()) as GivenUp;
  } catch {
    return {};
  }
}

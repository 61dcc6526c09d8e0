import { type OperatorContext, type SinkOperator, toConnectorError } from "@x/connector-api";
import type { JetStreamApi } from "../jetstream/api.js";
import type { CoreSinkTable } from "../table-config.js";
import { FlushedPublisher } from "./flushed-publisher.js";
import { createSinkOperator, type SinkSettings } from "./sink-operator.js";
import { compileSubjectTemplate } from "./subject-template.js";
import { UnconfirmedPublisher } from "./unconfirmed-publisher.js";

/**
 * A sink to Core subjects: `flush` resolves when the server has received every row before it. Who listens is not known
 * to it, and a stream that captures the subject may drop what comes faster than it stores: `open` warns of one by name.
 */
export function createCoreSink(settings: SinkSettings<CoreSinkTable>): SinkOperator {
  const { table, schema } = settings;
  const subject = compileSubjectTemplate(table.subject, schema);
  return createSinkOperator(settings, {
    subject,
    headers: { fixed: {}, templates: table.headers, lineage: table.lineage },
    async attach(link, context, encoder) {
      const { countNoResponders } = table;
      await warnOfStreams(link.api, subject.pattern, context);
      if (table.delivery === "at_most_once") {
        return { publisher: new UnconfirmedPublisher({ link, context, countNoResponders }) };
      }
      const publisher = new FlushedPublisher({
        link,
        maxInFlight: table.maxInFlight,
        maxInFlightBytes: table.maxInFlightBytes,
        countNoResponders,
        context,
        refuse: (error, payload) => encoder.refuse(error, { payload }),
      });
      return { publisher };
    },
  });
}

/** No JetStream, or no permission to ask: then there is nothing to warn of that we could know. */
async function warnOfStreams(api: JetStreamApi, pattern: string, context: OperatorContext): Promise<void> {
  try {
    const streams = await api.streamNames(pattern, context.signal);
    if (streams.length === 0) return;
    const names = streams.map((name) => `"${name}"`).join(", ");
    context.logger.warn(
      { subject: pattern, streams },
      `stream ${names} captures "${pattern}": Core publishes into a stream can be dropped without a sign; name the stream in the option stream to have them acknowledged`,
    );
  } catch (error) {
    const { code, message } = toConnectorError(error);
    if (code === "ABORTED") throw error;
    context.logger.debug({ code }, `cannot ask for streams on "${pattern}": ${message}`);
  }
}

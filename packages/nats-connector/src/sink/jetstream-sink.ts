import type { SinkOperator } from "@x/connector-api";
import type { JetStreamSinkTable } from "../table-config.js";
import { openAckedPublisher } from "./open-acked-publisher.js";
import { createSinkOperator, type SinkSettings } from "./sink-operator.js";
import { compileSubjectTemplate } from "./subject-template.js";
import { answerWithin, messageLimitOf, readSinkStream } from "./target-stream.js";
import { UnconfirmedPublisher } from "./unconfirmed-publisher.js";

/**
 * A sink into one JetStream stream: `flush` resolves when the stream has acknowledged every row before it (with
 * `delivery = 'at_most_once'`: when the server has received them). Compiles the templates at once and throws
 * OPTION_INVALID for one that cannot work; `open` rejects with STREAM_NOT_FOUND, or with STREAM_MISMATCH when the
 * stream does not capture every subject the template can give.
 */
export function createJetStreamSink(settings: SinkSettings<JetStreamSinkTable>): SinkOperator {
  const { table, schema } = settings;
  const subject = compileSubjectTemplate(table.subject, schema);
  return createSinkOperator(settings, {
    subject,
    headers: {
      fixed: { "Nats-Expected-Stream": table.stream },
      messageId: table.messageId,
      templates: table.headers,
      lineage: table.lineage,
    },
    async attach(link, context, encoder, patienceMs) {
      const read = (signal?: AbortSignal) => readSinkStream(link.api, table, subject.pattern, signal);
      const { config, domain } = await answerWithin(patienceMs, context.signal, read);
      const maxMessageBytes = messageLimitOf(config, subject.pattern);
      if (table.delivery === "at_most_once") {
        return { publisher: new UnconfirmedPublisher({ link, context }), maxMessageBytes };
      }
      const publisher = await openAckedPublisher(
        {
          link,
          stream: table.stream,
          domain,
          maxInFlight: table.maxInFlight,
          maxInFlightBytes: table.maxInFlightBytes,
          ackTimeoutMs: table.ackTimeoutMs,
          context,
          refuse: (error, payload) => encoder.refuse(error, { payload }),
          checkStream: async () => void (await read()),
        },
        context.signal,
      );
      return { publisher, maxMessageBytes };
    },
  });
}

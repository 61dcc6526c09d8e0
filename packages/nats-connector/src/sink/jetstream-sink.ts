import { setImmediate as nextTurn } from "node:timers/promises";
import { ConnectorError, isConnectorError, type SinkOperator } from "@x/connector-api";
import { abortable, type JetStreamApi, type StreamInfo } from "../jetstream/api.js";
import type { JetStreamSinkTable } from "../table-config.js";
import { AckedPublisher } from "./acked-publisher.js";
import { compileHeaders } from "./encoded-headers.js";
import { createSinkOperator, type SinkSettings } from "./sink-operator.js";
import { coversSubject } from "./subject-match.js";
import { compileSubjectTemplate } from "./subject-template.js";
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
  const headers = compileHeaders(
    {
      fixed: { "Nats-Expected-Stream": table.stream },
      messageId: table.messageId,
      templates: table.headers,
    },
    schema,
  );
  return createSinkOperator(settings, {
    subject,
    headers,
    async attach(link, context, encoder) {
      const stream = await readStream(link.api, table.stream, subject.pattern, context.signal);
      const { max_msg_size = -1 } = stream.config;
      const maxMessageBytes = max_msg_size > 0 ? max_msg_size : undefined;
      if (table.delivery === "at_most_once") {
        return { publisher: new UnconfirmedPublisher({ link, context }), maxMessageBytes };
      }
      const publisher = new AckedPublisher({
        link,
        stream: table.stream,
        maxInFlight: table.maxInFlight,
        maxInFlightBytes: table.maxInFlightBytes,
        ackTimeoutMs: table.ackTimeoutMs,
        context,
        refuse: (error) => encoder.refuse(error),
        checkStream: async () => {
          await readStream(link.api, table.stream, subject.pattern);
        },
      });
      try {
        // A user who may not subscribe to the inbox learns it here, not from acks that never come.
        await abortable(link.client.flush(), context.signal);
        await nextTurn();
        await publisher.room();
      } catch (error) {
        publisher.close();
        throw error;
      }
      return { publisher, maxMessageBytes };
    },
  });
}

/** The stream, checked: it exists and takes every subject the template can give. */
async function readStream(api: JetStreamApi, name: string, pattern: string, signal?: AbortSignal): Promise<StreamInfo> {
  const info = await api.streamInfo(name, signal).catch((error: unknown) => {
    if (!isConnectorError(error) || error.code !== "STREAM_NOT_FOUND") throw error;
    const remedy = `create it with a subject that captures "${pattern}"`;
    throw new ConnectorError("STREAM_NOT_FOUND", `stream "${name}" does not exist; ${remedy}`, {
      cause: error,
      context: { stream: name },
    });
  });
  const { subjects = [], mirror, sealed } = info.config;
  const reason =
    mirror !== undefined
      ? "is a mirror and takes no messages of its own"
      : sealed === true
        ? "is sealed and takes no messages"
        : subjects.some((each) => coversSubject(each, pattern))
          ? undefined
          : `captures ${subjects.map((each) => `"${each}"`).join(", ") || "no subject"}, not every subject of "${pattern}"; add it to the stream's subjects or change subject`;
  if (reason === undefined) return info;
  throw new ConnectorError("STREAM_MISMATCH", `stream "${name}" ${reason}`, {
    context: { stream: name, subjects, pattern },
  });
}

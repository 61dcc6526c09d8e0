import {
  type ConnectionSchema,
  type ConstructedOperator,
  type Decoder,
  type Encoder,
  failOnBadData,
  type OperatorConfig,
  type OperatorContext,
} from "@x/connector-api";
import type { OpenConnection } from "./connection.js";
import { checkDeadLetterSubject } from "./dead-letter/dead-letter-stream.js";
import { compileMetadata } from "./message-metadata.js";
import { createCoreSink } from "./sink/core-sink.js";
import { createJetStreamSink } from "./sink/jetstream-sink.js";
import { createTransactionalSink } from "./sink/transactional-sink.js";
import { createCompetingSource } from "./source/competing-source.js";
import { createCoreSource } from "./source/core-source.js";
import { createJetStreamSource } from "./source/jetstream-source.js";
import type { TableConfig } from "./table-config.js";

/** What an operator is made of besides its configuration: every implementation it uses, behind functions. */
export interface OperatorParts {
  readonly name: string;
  readonly connectTimeoutMs: number;
  /** A hold of a client that other operators may share. */
  connect(context: OperatorContext): Promise<OpenConnection>;
  /** A client of the operator's own. */
  connectAlone(context: OperatorContext): Promise<OpenConnection>;
  openDecoder(signal: AbortSignal): Promise<Decoder>;
  openEncoder(signal: AbortSignal): Promise<Encoder>;
}

/**
 * Compiles a checked table into its operator. No I/O. Those that could not make good what a reconnect drops keep a client
 * of their own, since others may ask for one: a Core source, which a server also cuts off when too much waits for its
 * client, whoever it is for; and a sink that delivers at most once. So does one that delivers exactly once: its
 * transactions wait for one another's answers, which would come behind all that sources are being sent.
 */
export function makeOperator(
  table: TableConfig,
  config: OperatorConfig,
  schema: ConnectionSchema,
  parts: OperatorParts,
): ConstructedOperator {
  const { connect, connectAlone, openDecoder, openEncoder, connectTimeoutMs, name } = parts;
  const badData = config.badData ?? failOnBadData;
  if (badData.behavior === "dead_letter") checkDeadLetterSubject(badData.subject);
  const reading = {
    connect,
    openDecoder,
    connectTimeoutMs,
    rateLimit: config.rateLimit,
    deserialization: {
      badData,
      framing: config.framing,
      metadata: compileMetadata(config.metadataFields, schema, table.type === "core-source"),
    },
  };
  const writing = { name, schema, badData, openEncoder, connect, connectTimeoutMs };
  switch (table.type) {
    case "jetstream-source":
      return {
        kind: "source",
        operator:
          table.ordering === "none"
            ? createCompetingSource({ ...reading, table })
            : createJetStreamSource({ ...reading, table }),
      };
    case "core-source":
      return { kind: "source", operator: createCoreSource({ ...reading, connect: connectAlone, table }) };
    case "jetstream-sink": {
      const create = table.delivery === "exactly_once" ? createTransactionalSink : createJetStreamSink;
      const alone = table.delivery !== "at_least_once";
      return { kind: "sink", operator: create({ ...writing, connect: alone ? connectAlone : connect, table }) };
    }
    case "core-sink": {
      const alone = table.delivery === "at_most_once";
      return { kind: "sink", operator: createCoreSink({ ...writing, connect: alone ? connectAlone : connect, table }) };
    }
  }
}

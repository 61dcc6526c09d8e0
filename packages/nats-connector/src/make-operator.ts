import {
  type ConnectionSchema,
  type ConstructedOperator,
  type Decoder,
  type Encoder,
  failOnBadData,
  type OperatorConfig,
  type OperatorContext,
} from "@x/connector-api";
import { checkDeadLetterSubject } from "./dead-letter/dead-letter-stream.js";
import { compileMetadata } from "./message-metadata.js";
import type { OpenConnection } from "./open-connection.js";
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
  connect(context: OperatorContext): Promise<OpenConnection>;
  openDecoder(signal: AbortSignal): Promise<Decoder>;
  openEncoder(signal: AbortSignal): Promise<Encoder>;
}

/** Compiles a checked table into its operator. No I/O. */
export function makeOperator(
  table: TableConfig,
  config: OperatorConfig,
  schema: ConnectionSchema,
  parts: OperatorParts,
): ConstructedOperator {
  const { connect, openDecoder, openEncoder, connectTimeoutMs, name } = parts;
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
  const writing = { name, schema, badData, openEncoder, connect };
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
      return { kind: "source", operator: createCoreSource({ ...reading, table }) };
    case "jetstream-sink": {
      const create = table.delivery === "exactly_once" ? createTransactionalSink : createJetStreamSink;
      return { kind: "sink", operator: create({ ...writing, table }) };
    }
    case "core-sink":
      return { kind: "sink", operator: createCoreSink({ ...writing, table }) };
  }
}

import type { RegistrySettings } from "../schema/registry-options.js";

/** The options of the format avro as they are stored. */
export type AvroOptions = {
  /** The writer's schema on a source, the output schema on a sink. */
  readonly schema?: string;
  readonly schemaFile?: string;
  /** What a source resolves the writer's schema into. */
  readonly readerSchema?: string;
  readonly readerSchemaFile?: string;
  /** A bare record per payload; without it an object container file. */
  readonly rawDatums: boolean;
  /** A sink writes single-object encoding. A source recognises it by itself. */
  readonly singleObject: boolean;
  readonly intoUnstructuredJson: boolean;
  /** Present: payloads carry a schema id (Confluent wire format). */
  readonly schemaRegistry?: RegistrySettings;
};

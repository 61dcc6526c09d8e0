import type { RegistrySettings } from "../schema/registry-options.js";

/** The options of the format protobuf as they are stored. */
export type ProtobufOptions = {
  /** `.proto` text. */
  readonly schema?: string;
  /** A `.proto` file with its imports beside it, or a FileDescriptorSet. */
  readonly schemaFile?: string;
  /** Full name of the message; a source with a registry takes it from each payload. */
  readonly messageName?: string;
  readonly lengthDelimited: boolean;
  readonly intoUnstructuredJson: boolean;
  /** Present: payloads carry a schema id and message indexes (Confluent wire format). */
  readonly schemaRegistry?: RegistrySettings;
};

import type { SinkContext, SinkEncoder, SourceOrigin } from "@x/connector-api";
import type { Capabilities } from "../capabilities.js";
import type { OpenConnection } from "../connection.js";
import type { StreamConfig } from "../jetstream/api.js";
import type { JetStreamSinkTable } from "../table-config.js";

export interface ExactlyOnceSetting {
  readonly link: OpenConnection;
  readonly table: JetStreamSinkTable;
  /** Pattern of the subjects that outputs go to. */
  readonly subject: string;
  readonly context: SinkContext;
  readonly origin: SourceOrigin;
  readonly encoder: SinkEncoder;
  /** How long an answer about the stream may take. */
  readonly patienceMs: number;
}

/** Where a mode writes. */
export interface ExactlyOnceTarget {
  readonly config: StreamConfig;
  /** JetStream domain of the stream, where it is in one. */
  readonly domain: string | undefined;
  readonly server: Capabilities;
  /** Progress subject of each split. */
  readonly progress: ReadonlyMap<string, string>;
}

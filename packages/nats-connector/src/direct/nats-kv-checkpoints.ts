import {
  type CheckpointStore,
  ConnectorError,
  ConnectorOptions,
  type Environment,
  type StateOptions,
} from "@x/connector-api";
import type { NatsClient } from "../nats-client.js";
import { type NatsConnector, natsConnector } from "../nats-connector.js";

/** Every other property is an option of the connection in camelCase, as for `openSource`. */
export interface NatsKvCheckpointsOptions extends StateOptions {
  readonly bucket: string;
  /** One address, several separated by commas, or a list. */
  readonly servers?: string | readonly string[];
  readonly auth?: { readonly type: string; readonly [option: string]: unknown };
  readonly tls?: object;
  /** An open connection to use instead of dialling. Never closed here. */
  readonly client?: NatsClient;
  /** Shares the connections of this connector. */
  readonly connector?: NatsConnector;
  /** Variables for `{{ NAME }}`. Default: `process.env`. */
  readonly environment?: Environment;
  readonly [option: string]: unknown;
}

/**
 * Checkpoints in a KV bucket, for processes that may start on another machine. No I/O before the first use; then it
 * connects, and rejects with STREAM_NOT_FOUND for a missing bucket unless `create` is true. Yours to close.
 */
export function natsKvCheckpoints(options: NatsKvCheckpointsOptions): CheckpointStore {
  const { bucket, create, keep, logger, environment = process.env, client, connector, ...connection } = options;
  if (client !== undefined && connector !== undefined) {
    throw new ConnectorError(
      "OPTION_CONFLICT",
      "client and connector exclude each other: a connector has its own client",
    );
  }
  const nats = connector ?? natsConnector({ environment, ...(client === undefined ? {} : { client }) });
  const profile = nats.profileFromOptions(ConnectorOptions.fromObject(connection, environment));
  return nats.createCheckpoints(profile, bucket, { create, keep, logger });
}

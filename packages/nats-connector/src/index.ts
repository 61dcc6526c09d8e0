// For users: sources and sinks in code, and the connector for hosts and engines.

export type { AttachEvent, ConnectionEvent } from "./diagnostics.js";
export type { AckFloor } from "./direct/ack-floor.js";
export type { EventListener, EventOf, EventType } from "./direct/direct-events.js";
export type { DirectSink, WaitOptions } from "./direct/direct-sink.js";
export type { Batch, BatchOptions, DirectSource, SourceState } from "./direct/direct-source.js";
export type { NatsKvCheckpointsOptions } from "./direct/nats-kv-checkpoints.js";
export { natsKvCheckpoints } from "./direct/nats-kv-checkpoints.js";
export type { DirectOptions } from "./direct/open-operator.js";
export type { StandardSchema, Validation } from "./direct/standard-schema.js";
export type { OpenSinkOptions, OpenSourceOptions } from "./direct.js";
export { openSink, openSource } from "./direct.js";
export type { NatsConnector, NatsConnectorOptions } from "./nats-connector.js";
export { natsConnector } from "./nats-connector.js";

// For implementors: the port that a NATS client must satisfy, permissions, and how exactly once is kept.

export type { Capabilities } from "./capabilities.js";
export { capabilitiesOf } from "./capabilities.js";
export type { ConnectionConfig } from "./connection-config.js";
export type { ExactlyOncePlan, ExactlyOnceRequest } from "./exactly-once/plan-exactly-once.js";
export { planExactlyOnce } from "./exactly-once/plan-exactly-once.js";
export type {
  EncodedHeaders,
  NatsClient,
  NatsHeaders,
  NatsMessage,
  NatsPublishOptions,
  NatsServerInfo,
  NatsStatus,
  NatsSubscription,
} from "./nats-client.js";
export type { PermissionRequest, Permissions } from "./permissions.js";
export { checkpointPermissionsOf, mergePermissions, permissionsOf } from "./permissions.js";
export type { TableConfig } from "./table-config.js";

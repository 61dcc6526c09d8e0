import { isConnectorError } from "@x/connector-api";
import type { JetStreamApi } from "./jetstream/api.js";
import type { NatsClient } from "./nats-client.js";

/** What the server at the other end can do. Asked anew after each reconnect: it may be another one. */
export interface Capabilities {
  /** For messages. */
  readonly version: string;
  /** Consumer `metadata` and several filters; the echo of the create call has the last word (2.10). */
  readonly consumerMetadata: boolean;
  /** AckAll on replicated interest streams really removes what was acked (2.11). */
  readonly ackAllOnReplicas: boolean;
  /** A publish may expect the last sequence of another subject (2.11). */
  readonly subjectFence: boolean;
  /** Atomic batches, in streams that allow them (2.12). */
  readonly atomicBatches: boolean;
}

/**
 * By API level where there is one (2.11), else by the version of the server we are connected to, which is only a hint:
 * behind a leaf node JetStream may be another one.
 */
export async function readCapabilities(
  api: JetStreamApi,
  client: NatsClient,
  signal: AbortSignal,
): Promise<Capabilities> {
  const version = client.info?.version ?? "0.0.0";
  const level = await api.accountInfo(signal).then(
    (info) => info.level,
    (error: unknown) => {
      // The right to ask is not needed for anything else.
      if (isConnectorError(error) && error.code === "PERMISSION_DENIED") return 0;
      throw error;
    },
  );
  return capabilitiesOf(version, level);
}

/** `level` is 0 where it is not known. */
export function capabilitiesOf(version: string, level: number): Capabilities {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const atLeast = (wanted: number): boolean => major > 2 || (major === 2 && minor >= wanted);
  return {
    version,
    consumerMetadata: level >= 1 || atLeast(10),
    ackAllOnReplicas: level >= 1 || atLeast(11),
    subjectFence: level >= 1 || atLeast(11),
    atomicBatches: level >= 2 || (level === 0 && atLeast(12)),
  };
}

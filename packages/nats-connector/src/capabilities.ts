import { isConnectorError } from "@x/connector-api";
import type { AccountInfo, AccountLimits, JetStreamApi, StreamInfo } from "./jetstream/api.js";
import type { NatsClient } from "./nats-client.js";

/** What the server at the other end can do. Asked anew after each reconnect: it may be another one. */
export interface Capabilities {
  /** For messages. */
  readonly version: string;
  /** Consumer `metadata`; the echo of the create call has the last word (2.10). */
  readonly consumerMetadata: boolean;
  /** Several filters on one consumer (2.10). */
  readonly severalFilters: boolean;
  /** AckAll on replicated interest streams really removes what was acked; consumers can be paused (2.11). */
  readonly ackAllOnReplicas: boolean;
  /** A publish may expect the last sequence of another subject (2.11). */
  readonly subjectFence: boolean;
  /** Atomic batches, in streams that allow them (2.12). */
  readonly atomicBatches: boolean;
  /** Most unacked messages that the account allows a consumer; undefined for any number, or when it is not known. */
  readonly maxAckPending: number | undefined;
  /** Most consumers that the account allows a stream; undefined as above. */
  readonly maxConsumers: number | undefined;
}

/**
 * By the feature level of the JetStream API where there is one (2.11), else by what the stream's own information holds:
 * both come from the servers that keep the stream. The version of the server we are connected to is but a hint, for who
 * has no stream: behind a leaf node, or while a cluster is upgraded, JetStream may be another one.
 */
export async function readCapabilities(
  api: JetStreamApi,
  client: NatsClient,
  signal: AbortSignal,
  stream?: StreamInfo,
): Promise<Capabilities> {
  const { metadata, compression } = stream?.config ?? {};
  const account = await api.accountInfo(signal).catch((error: unknown) => {
    // The right to ask is not needed for anything else.
    if (isConnectorError(error) && error.code === "PERMISSION_DENIED") return undefined;
    throw error;
  });
  const level = Math.max(account?.level ?? 0, Number(metadata?.["_nats.level"] ?? 0));
  const version = metadata?.["_nats.ver"] ?? client.info?.version ?? "0.0.0";
  const hint = stream === undefined || level > 0 ? version : compression === undefined ? "2.9.0" : "2.10.0";
  const limits = account && limitsFor(account, stream?.config.num_replicas ?? 1);
  return {
    ...capabilitiesOf(hint, level),
    version,
    maxAckPending: positive(limits?.max_ack_pending),
    maxConsumers: positive(limits?.max_consumers),
  };
}

/** The account's limits for what has so many replicas; undefined where it has none for that number. */
export function limitsFor({ limits, tiers }: AccountInfo, replicas: number): AccountLimits | undefined {
  return tiers === undefined ? limits : tiers[`R${replicas}`]?.limits;
}

function positive(limit = -1): number | undefined {
  return limit > 0 ? limit : undefined;
}

/** `level` is 0 where it is not known. */
export function capabilitiesOf(version: string, level: number): Capabilities {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const atLeast = (wanted: number): boolean => major > 2 || (major === 2 && minor >= wanted);
  return {
    version,
    consumerMetadata: level >= 1 || atLeast(10),
    severalFilters: level >= 1 || atLeast(10),
    ackAllOnReplicas: level >= 1 || atLeast(11),
    subjectFence: level >= 1 || atLeast(11),
    atomicBatches: level >= 2 || (level === 0 && atLeast(12)),
    maxAckPending: undefined,
    maxConsumers: undefined,
  };
}

/** On replicas the server compares before it agrees with its peers until 2.9.21 (nats-server#4320): two claims may win. */
export function comparesSafely(version: string, replicas: number): boolean {
  const [major = 0, minor = 0, patch = 0] = version.split(/[.-]/).map(Number);
  return replicas === 1 || major > 2 || minor > 9 || (minor === 9 && patch >= 21);
}

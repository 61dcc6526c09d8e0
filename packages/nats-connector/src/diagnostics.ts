import { channel } from "node:diagnostics_channel";
import type { ErrorCode } from "@x/connector-api";

/** `x:nats-connector:connection`: a connection is open, lost, back, refused something by the server, or given up. */
export interface ConnectionEvent {
  /** As the server's monitoring shows it. */
  readonly name: string;
  readonly servers: readonly string[];
  readonly state: "open" | "lost" | "back" | "refused" | "given-up";
  readonly code?: ErrorCode | undefined;
}

/** `x:nats-connector:attach`: a source has made its consumer and reads behind `startAfter`. */
export interface AttachEvent {
  readonly pipeline: string;
  readonly stream: string;
  readonly split: string;
  readonly consumer: string;
  readonly startAfter: number;
  /** 0 for the first one of a run. */
  readonly rebuild: number;
}

export const connectionChannel = channel("x:nats-connector:connection");
export const attachChannel = channel("x:nats-connector:attach");

import type { NatsConnection as NatsConnection3 } from "@nats-io/transport-node";
import type { NatsConnection } from "nats";
import type { NatsClient } from "../src/nats-client.js";

/** The default client, and its successor, satisfy the port without an adapter. */
export const accepts = (connection: NatsConnection): NatsClient => connection;
export const acceptsSuccessor = (connection: NatsConnection3): NatsClient => connection;

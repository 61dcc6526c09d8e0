import type { NatsConnection } from "nats";
import type { NatsClient } from "../src/nats-client.js";

/** The default client satisfies the port without an adapter. */
export const accepts = (connection: NatsConnection): NatsClient => connection;

export type { FaultProxy, FaultProxyCounters, FaultProxyOptions, ProxyDirection } from "./fault-proxy.js";
export { startFaultProxy } from "./fault-proxy.js";
export { findServerBinary } from "./find-server-binary.js";
export { findFreePort } from "./free-port.js";
export type { NatsServer, NatsServerOptions } from "./nats-server.js";
export { startNatsServer } from "./nats-server.js";

export type { Address, ClientTls, Login } from "./ask-server.js";
export type { Certificate, CertificateAuthority, CertificateOptions } from "./certificates.js";
export { createCertificateAuthority } from "./certificates.js";
export type { NatsCluster, NatsClusterNode, NatsClusterOptions } from "./cluster.js";
export { startNatsCluster } from "./cluster.js";
export type { ClusterMember, ClusterView, ClusterViewOptions } from "./cluster-view.js";
export { createClusterView } from "./cluster-view.js";
export type { FaultProxy, FaultProxyCounters, FaultProxyOptions, Interception } from "./fault-proxy.js";
export { startFaultProxy } from "./fault-proxy.js";
export { findServerBinary } from "./find-server-binary.js";
export { findFreePort } from "./free-port.js";
export type {
  Finding,
  InvariantChecker,
  InvariantOptions,
  InvariantReport,
  LostRange,
  MisplacedOutput,
} from "./invariants.js";
export { createInvariantChecker } from "./invariants.js";
export type { JwtAccount, JwtOperator, JwtUser, JwtUserOptions } from "./jwt-operator.js";
export { createJwtOperator } from "./jwt-operator.js";
export type { FrameVerdict, NatsFrame } from "./nats-frames.js";
export { isPublishAck } from "./nats-frames.js";
export type { NatsServer, NatsServerOptions } from "./nats-server.js";
export { startNatsServer } from "./nats-server.js";
export type { ProxyDirection, ProxySide } from "./proxied-connection.js";
export type { Random } from "./random.js";
export { createRandom } from "./random.js";
export type {
  Disturbance,
  DisturbanceActions,
  DisturbanceArgs,
  DisturbanceKind,
  DisturbanceKinds,
  RunScheduleOptions,
  Schedule,
  ScheduleOptions,
  ScheduleRecord,
} from "./schedule.js";
export { planSchedule, runSchedule } from "./schedule.js";

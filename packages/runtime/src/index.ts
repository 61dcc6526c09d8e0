// For users: run operators in one process, and see how they are.
export type { BatchEvent, CheckpointEvent, PipelineEvent } from "./diagnostics.js";
export { startGroupMember } from "./group/group-member.js";
export type { GroupRecord, MemberEntry, SplitEntry } from "./group/group-record.js";
export type { GroupPace, GroupSpec } from "./group/group-spec.js";
export { defaultPace } from "./group/group-spec.js";
export type { GroupView } from "./group/group-view.js";
export { readGroup, sumViews } from "./group/group-view.js";
export { removeProcess } from "./group/remove-process.js";
export { splitName, ungroupedStore } from "./group/split-store.js";
export { settledCounters, sumCheckpoints, sumCounters } from "./group/sum-counters.js";
export { startPipeline } from "./pipeline.js";
export type {
  CheckpointNumbers,
  PipelineOperators,
  PipelineSpec,
  PipelineState,
  RunningPipeline,
} from "./pipeline-spec.js";
export type { PipelineSummary } from "./pipeline-summary.js";
export { summarize } from "./pipeline-summary.js";
export type { RestartPolicy } from "./restart-policy.js";
export { defaultRestart } from "./restart-policy.js";
export type { Metric } from "./telemetry/metrics.js";
export { metrics } from "./telemetry/metrics.js";
export type { PipelineSpan, PipelineTracer } from "./telemetry/pipeline-tracer.js";
export { prometheusContentType, renderPrometheus } from "./telemetry/prometheus.js";

// For users: run operators in one process, and see how they are.
export type { BatchEvent, CheckpointEvent, PipelineEvent } from "./diagnostics.js";
export { startPipeline } from "./pipeline.js";
export type {
  CheckpointNumbers,
  PipelineOperators,
  PipelineSpec,
  PipelineState,
  RunningPipeline,
} from "./pipeline-spec.js";
export type { PipelineSummary } from "./pipeline-summary.js";
export type { RestartPolicy } from "./restart-policy.js";
export { defaultRestart } from "./restart-policy.js";
export type { Metric } from "./telemetry/metrics.js";
export { metrics } from "./telemetry/metrics.js";
export type { PipelineSpan, PipelineTracer } from "./telemetry/pipeline-tracer.js";
export { prometheusContentType, renderPrometheus } from "./telemetry/prometheus.js";

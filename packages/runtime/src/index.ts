// For users: run operators in one process.
export type { PipelineSpec, RunningPipeline } from "./pipeline.js";
export { startPipeline } from "./pipeline.js";
export type { PipelineSummary } from "./pipeline-summary.js";

import type { RunningPipeline } from "../pipeline-spec.js";
import { type Metric, metrics } from "./metrics.js";

/** What Prometheus asks for as `Content-Type`. */
export const prometheusContentType = "text/plain; version=0.0.4; charset=utf-8";

/** Every metric of every pipeline in Prometheus' text format. Reads numbers and keeps nothing. */
export function renderPrometheus(pipelines: readonly RunningPipeline[]): string {
  return metrics
    .map((metric) => {
      const name = prometheusName(metric);
      const samples = pipelines.flatMap((pipeline) => {
        const value = metric.read(pipeline);
        return value === undefined ? [] : [`${name}{pipeline="${escapeLabel(pipeline.name)}"} ${value}\n`];
      });
      return `# HELP ${name} ${metric.help}\n# TYPE ${name} ${metric.kind}\n${samples.join("")}`;
    })
    .join("");
}

export function prometheusName({ name, kind }: Metric): string {
  return `${name.replaceAll(".", "_")}${kind === "counter" ? "_total" : ""}`;
}

function escapeLabel(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}

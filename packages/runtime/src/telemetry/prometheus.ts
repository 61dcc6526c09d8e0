import type { RunningPipeline } from "../pipeline-spec.js";
import { type Metric, metrics } from "./metrics.js";

/** What Prometheus asks for as `Content-Type`. */
export const prometheusContentType = "text/plain; version=0.0.4; charset=utf-8";

/** Every metric of every pipeline in Prometheus' text format. Reads numbers and keeps nothing. */
export function renderPrometheus(pipelines: readonly RunningPipeline[]): string {
  const all = metrics
    .map((metric) => {
      const name = prometheusName(metric);
      const samples = pipelines.flatMap((pipeline) => {
        const value = metric.read(pipeline);
        return value === undefined ? [] : [`${name}{pipeline="${escapeLabel(pipeline.name)}"} ${value}\n`];
      });
      return `# HELP ${name} ${metric.help}\n# TYPE ${name} ${metric.kind}\n${samples.join("")}`;
    })
    .join("");
  return all + renderHolders(pipelines);
}

/** Who reads which split, where processes share them: 1 for its holder. */
function renderHolders(pipelines: readonly RunningPipeline[]): string {
  const samples = pipelines.flatMap(({ name, group }) =>
    [...(group?.holders ?? [])].flatMap(([split, member]) => {
      if (member === undefined) return [];
      const labels = Object.entries({ pipeline: name, split, member });
      return [`pipeline_split_holder{${labels.map(([key, value]) => `${key}="${escapeLabel(value)}"`).join(",")}} 1\n`];
    }),
  );
  if (samples.length === 0) return "";
  const head =
    "# HELP pipeline_split_holder The member of the group that reads the split\n# TYPE pipeline_split_holder gauge\n";
  return head + samples.join("");
}

export function prometheusName({ name, kind }: Metric): string {
  return `${name.replaceAll(".", "_")}${kind === "counter" ? "_total" : ""}`;
}

function escapeLabel(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}

/** For `node --import`: an OpenTelemetry SDK that keeps what it is given, and writes it to OTEL_FILE at the end. */
import { writeFileSync } from "node:fs";
import { metrics, trace } from "@opentelemetry/api";
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from "@opentelemetry/sdk-metrics";
import { BasicTracerProvider, BatchSpanProcessor, InMemorySpanExporter } from "@opentelemetry/sdk-trace-base";

const spans = new InMemorySpanExporter();
const numbers = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
// Neither exports anything by itself before the end.
const reader = new PeriodicExportingMetricReader({ exporter: numbers, exportIntervalMillis: 3_600_000 });
const processor = new BatchSpanProcessor(spans, { scheduledDelayMillis: 3_600_000, maxQueueSize: 100_000 });
metrics.setGlobalMeterProvider(new MeterProvider({ readers: [reader] }));
trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [processor] }));

process.on("exit", () => {
  const kept = {
    spans: spans.getFinishedSpans().map((span) => {
      const { name, attributes, parentSpanContext } = span;
      const { traceId, spanId } = span.spanContext();
      return { name, attributes, traceId, spanId, parent: parentSpanContext?.spanId };
    }),
    metrics: numbers
      .getMetrics()
      .flatMap(({ scopeMetrics }) => scopeMetrics)
      .flatMap((scope) => scope.metrics)
      .map(({ descriptor, dataPoints }) => ({ name: descriptor.name, value: dataPoints.at(-1)?.value })),
  };
  writeFileSync(process.env.OTEL_FILE ?? "otel.json", JSON.stringify(kept));
});

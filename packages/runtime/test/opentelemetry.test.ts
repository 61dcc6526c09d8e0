import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from "@opentelemetry/sdk-metrics";
import {
  AlwaysOffSampler,
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-base";
import { memoryCheckpoints } from "@x/connector-api";
import { expect, test } from "vitest";
import { metrics, startPipeline } from "../src/index.ts";
import { createPipelineTracer, observePipelines } from "../src/opentelemetry.ts";
import { CountingSource } from "./counting-source.ts";
import { RecordingSink } from "./recording-sink.ts";

test("reports every metric with the pipeline's name, until it is told to end", async () => {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
  const provider = new MeterProvider({ readers: [reader] });
  const pipeline = startPipeline({
    name: "p",
    source: new CountingSource(100),
    sink: new RecordingSink(),
    checkpoints: memoryCheckpoints(),
  });
  await pipeline.finished;
  let asked = 0;
  const end = observePipelines(provider.getMeter("test"), () => {
    asked += 1;
    return [pipeline];
  });
  const collected = async (): Promise<Map<string, number>> => {
    exporter.reset();
    await reader.forceFlush();
    const found = exporter.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics));
    return new Map(
      found.flatMap(({ descriptor, dataPoints }) =>
        dataPoints.map((point) => [descriptor.name, Number(point.value)] as const),
      ),
    );
  };
  const values = await collected();
  expect(values.get("pipeline.rows_in")).toBe(100);
  expect(values.get("pipeline.checkpoints")).toBeGreaterThan(0);
  const known = metrics.filter((metric) => metric.read(pipeline) !== undefined).map(({ name }) => name);
  expect([...values.keys()].sort()).toEqual(known.sort());
  end();
  asked = 0;
  await reader.forceFlush();
  expect(asked).toBe(0);
  await provider.shutdown();
});

test("makes a span per batch and checkpoint, continues the trace of the input, and marks what failed", async () => {
  const exporter = new InMemorySpanExporter();
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
  const tracer = createPipelineTracer(provider.getTracer("test"));
  const sink = new RecordingSink();
  const pipeline = startPipeline({
    name: "p",
    source: new CountingSource(10),
    sink,
    checkpoints: memoryCheckpoints(),
    tracer,
  });
  expect((await pipeline.finished).exitCode).toBe(0);
  const spans = exporter.getFinishedSpans();
  expect(new Set(spans.map(({ name }) => name))).toEqual(new Set(["process", "checkpoint"]));
  const rows = spans
    .filter(({ name }) => name === "process")
    .map(({ attributes }) => Number(attributes["messaging.batch.message_count"]));
  expect(rows.reduce((sum, count) => sum + count, 0)).toBe(10);

  const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const span = tracer.startBatch({ pipeline: "p", split: "0", rows: 1, traceparent: parent });
  expect(span.traceparent).toMatch(/^00-0af7651916cd43dd8448eb211c80319c-(?!b7ad6b7169203331)[\da-f]{16}-01$/);
  span.end(new Error("no"));
  const last = exporter.getFinishedSpans().at(-1);
  expect(last?.parentSpanContext).toMatchObject({ spanId: "b7ad6b7169203331", isRemote: true });
  expect(last?.attributes["error.type"]).toBe("UNEXPECTED");
  for (const rubbish of ["", "nonsense", `00-${"0".repeat(32)}-b7ad6b7169203331-01`, "00-zz-zz-01"]) {
    const root = tracer.startBatch({ pipeline: "p", split: "0", rows: 1, traceparent: rubbish });
    expect(root.traceparent).toMatch(/^00-[\da-f]{32}-[\da-f]{16}-01$/);
    root.end();
  }
  await provider.shutdown();
});

test("what vendors carry goes on with the trace, and is dropped without one or where it is too long", async () => {
  const provider = new BasicTracerProvider();
  const tracer = createPipelineTracer(provider.getTracer("test"));
  const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const stateOf = (context: { traceparent: string | undefined; tracestate?: string }): string | undefined => {
    const span = tracer.startBatch({ pipeline: "p", split: "0", rows: 1, ...context });
    span.end();
    return span.tracestate;
  };
  expect(stateOf({ traceparent, tracestate: "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE" })).toBe(
    "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE",
  );
  expect(stateOf({ traceparent })).toBeUndefined();
  expect(stateOf({ traceparent: undefined, tracestate: "rojo=1" })).toBeUndefined();
  expect(stateOf({ traceparent: "nonsense", tracestate: "rojo=1" })).toBeUndefined();
  expect(stateOf({ traceparent, tracestate: `rojo=${"x".repeat(600)}` })).toBeUndefined();
  await provider.shutdown();
});

test("one that is not sampled goes on as not sampled", async () => {
  const provider = new BasicTracerProvider({ sampler: new AlwaysOffSampler() });
  const tracer = createPipelineTracer(provider.getTracer("test"));
  const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";
  const span = tracer.startBatch({ pipeline: "p", split: "0", rows: 1, traceparent: parent });
  expect(span.traceparent).toMatch(/^00-0af7651916cd43dd8448eb211c80319c-[\da-f]{16}-00$/);
  span.end();
  await provider.shutdown();
});

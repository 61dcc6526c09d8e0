/** OpenTelemetry for pipelines: `@opentelemetry/api` is an optional peer, loaded by this module alone. */
import {
  createTraceState,
  isSpanContextValid,
  type Meter,
  type MeterProvider,
  metrics as meters,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  type Tracer,
  type TracerProvider,
  trace,
} from "@opentelemetry/api";
import { type TraceContext, toConnectorError } from "@x/connector-api";
import type { RunningPipeline } from "./pipeline-spec.js";
import { metrics } from "./telemetry/metrics.js";
import type { PipelineSpan, PipelineTracer } from "./telemetry/pipeline-tracer.js";

/** Reports every metric of the pipelines whenever the meter's reader collects; ends with the returned function. */
export function observePipelines(meter: Meter, pipelines: () => Iterable<RunningPipeline>): () => void {
  const ends = metrics.map((metric) => {
    const options = { unit: metric.unit, description: metric.help };
    const instrument =
      metric.kind === "counter"
        ? meter.createObservableCounter(metric.name, options)
        : meter.createObservableGauge(metric.name, options);
    const observe: Parameters<typeof instrument.addCallback>[0] = (result) => {
      for (const pipeline of pipelines()) {
        const value = metric.read(pipeline);
        if (value !== undefined) result.observe(value, { pipeline: pipeline.name });
      }
    };
    instrument.addCallback(observe);
    return () => instrument.removeCallback(observe);
  });
  return () => {
    for (const end of ends) end();
  };
}

/** What the SDK that is registered in this process is told of pipelines. */
export interface RegisteredTelemetry {
  readonly tracer: PipelineTracer;
  /** As {@link observePipelines}. */
  observe(pipelines: () => Iterable<RunningPipeline>): () => void;
  /** Has spans and metrics exported that are not yet, as far as the SDK can. Rejects with what its exporters do. */
  flush(): Promise<void>;
}

/** Over the global tracer and meter providers, whose spans and metrics are named after `scope`. */
export function registeredTelemetry(scope: string, version: string): RegisteredTelemetry {
  const tracers: TracerProvider & { getDelegate?(): TracerProvider } = trace.getTracerProvider();
  // The interfaces of the API have no such member; every SDK's providers do.
  const providers: readonly ((TracerProvider | MeterProvider) & { forceFlush?(): Promise<void> })[] = [
    tracers.getDelegate?.() ?? tracers,
    meters.getMeterProvider(),
  ];
  return {
    tracer: createPipelineTracer(tracers.getTracer(scope, version)),
    observe: (pipelines) => observePipelines(meters.getMeter(scope, version), pipelines),
    async flush() {
      await Promise.all(providers.map((provider) => provider.forceFlush?.()));
    },
  };
}

/** For `startPipeline({ tracer })`: spans named `process` and `checkpoint`, with the error code of a failed one. */
export function createPipelineTracer(tracer: Tracer): PipelineTracer {
  return {
    startBatch({ pipeline, split, rows, traceparent, tracestate }) {
      const attributes = { "pipeline.name": pipeline, "pipeline.split": split, "messaging.batch.message_count": rows };
      const parent = traceparent === undefined ? undefined : parseTraceContext({ traceparent, tracestate });
      const context = parent === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, parent);
      return spanOf(tracer.startSpan("process", { kind: SpanKind.CONSUMER, attributes }, context));
    },
    startCheckpoint({ pipeline, checkpointId }) {
      const attributes = { "pipeline.name": pipeline, "pipeline.checkpoint_id": checkpointId };
      return spanOf(tracer.startSpan("checkpoint", { kind: SpanKind.INTERNAL, attributes }, ROOT_CONTEXT));
    },
  };
}

function spanOf(span: Span): PipelineSpan {
  const { traceState } = span.spanContext();
  return {
    // One that is not sampled says so to whoever reads what is written: they are not to sample it, either.
    traceparent: isSpanContextValid(span.spanContext()) ? formatTraceparent(span) : undefined,
    tracestate: traceState?.serialize() || undefined,
    end(error) {
      if (error !== undefined) {
        span.setAttribute("error.type", toConnectorError(error).code);
        span.setStatus({ code: SpanStatusCode.ERROR });
      }
      span.end();
    },
  };
}

/** https://www.w3.org/TR/trace-context: version, trace, span, flags. */
function formatTraceparent(span: Span): string {
  const { traceId, spanId, traceFlags } = span.spanContext();
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, "0")}`;
}

/** Undefined for what is none: another program may have written it. */
function parseTraceContext({ traceparent, tracestate }: TraceContext): SpanContext | undefined {
  const match = /^[\da-f]{2}-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})/.exec(traceparent);
  if (match === null || match[1] === undefined || match[2] === undefined) return undefined;
  if (/^0+$/.test(match[1]) || /^0+$/.test(match[2])) return undefined;
  const flags = Number.parseInt(match[3] ?? "0", 16) & TraceFlags.SAMPLED;
  const state = tracestate === undefined ? {} : { traceState: createTraceState(tracestate) };
  return { traceId: match[1], spanId: match[2], traceFlags: flags, isRemote: true, ...state };
}

import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "@x/connector-api";
import type { PipelineTracer } from "@x/runtime";
import type { RegisteredTelemetry } from "@x/runtime/opentelemetry";
import { packageVersion } from "./package-version.js";

/** How long the last spans and metrics may take to be exported: a collector that is away does not keep the command. */
const FLUSH_MS = 5000;

/** Where `@opentelemetry/api` keeps what an SDK has registered. */
const registry = Symbol.for("opentelemetry.js.api.1");

export interface Telemetry extends Omit<RegisteredTelemetry, "tracer"> {
  /** Undefined when the SDK takes metrics alone: then no header is read or written. */
  readonly tracer: PipelineTracer | undefined;
}

/**
 * Spans and metrics for the OpenTelemetry SDK of this process; undefined, and nothing is loaded, when none has registered
 * itself (`node --import ./otel.mjs …`).
 */
export async function openTelemetry(logger: Logger): Promise<Telemetry | undefined> {
  const registered: { readonly trace?: unknown; readonly metrics?: unknown } = Reflect.get(globalThis, registry) ?? {};
  if (registered.trace === undefined && registered.metrics === undefined) return undefined;
  let telemetry: RegisteredTelemetry;
  try {
    const { registeredTelemetry } = await import("@x/runtime/opentelemetry");
    telemetry = registeredTelemetry("@x/cli", packageVersion);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    logger.warn(
      {},
      `an OpenTelemetry SDK is registered and told nothing: install @opentelemetry/api beside the command (${reason})`,
    );
    return undefined;
  }
  return {
    tracer: registered.trace === undefined ? undefined : telemetry.tracer,
    observe: telemetry.observe,
    async flush() {
      const timer = new AbortController();
      const late = sleep(FLUSH_MS, undefined, { signal: timer.signal }).then(() => {
        throw new Error(`no answer within ${FLUSH_MS} ms`);
      });
      try {
        await Promise.race([telemetry.flush(), late]);
      } catch (error) {
        logger.warn({}, `OpenTelemetry has not exported everything: ${error instanceof Error ? error.message : error}`);
      } finally {
        timer.abort();
      }
    },
  };
}

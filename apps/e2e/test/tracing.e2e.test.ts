import {
  ConnectorOptions,
  defineSchema,
  memoryCheckpoints,
  parseOperatorConfig,
  type SinkOperator,
  type SourceOperator,
} from "@x/connector-api";
import { natsConnector } from "@x/nats-connector";
import { startNatsServer } from "@x/nats-testkit";
import { type PipelineTracer, startPipeline } from "@x/runtime";
import { connect, headers } from "nats";
import { expect, test } from "vitest";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const connector = natsConnector();
const schema = defineSchema({ n: "BIGINT" });

function operator(options: object): SourceOperator | SinkOperator {
  const connection = connector.fromOptions("t", ConnectorOptions.fromObject({ format: "json", ...options }), schema);
  const config = parseOperatorConfig(connection.config);
  const table = connector.parseTable(config.table);
  return connector.makeOperator(connector.parseProfile(config.connection), table, config, schema).operator;
}

/** Continues a trace as span 1, 2, 3 …, with its state, or begins one. */
function countingTracer(): PipelineTracer & { readonly batches: (string | undefined)[] } {
  const batches: (string | undefined)[] = [];
  return {
    batches,
    startBatch({ traceparent, tracestate }) {
      batches.push(traceparent);
      const trace = traceparent?.split("-")[1] ?? "f".repeat(32);
      return { traceparent: `00-${trace}-${String(batches.length).padStart(16, "0")}-01`, tracestate, end: () => {} };
    },
    startCheckpoint: () => ({ traceparent: undefined, end: () => {} }),
  };
}

test.each([
  ["with a message id", { messageId: "{n}" }],
  ["without headers of its own", {}],
])(
  "a trace goes through a pipeline in message headers, and only while somebody traces: %s",
  async (_, more) => {
    await using server = await startNatsServer();
    const client = await connect({ servers: server.url });
    const manager = await client.jetstreamManager();
    await manager.streams.add({ name: "INPUT", subjects: ["in"] });
    await manager.streams.add({ name: "OUTPUT", subjects: ["out"] });
    const given = headers();
    given.set("traceparent", `00-${TRACE}-b7ad6b7169203331-01`);
    given.append("tracestate", "rojo=00f067aa0ba902b7");
    given.append("tracestate", "congo=t61rcWkgMzE");
    const publish = (n: number, traced: boolean) =>
      client.jetstream().publish("in", JSON.stringify({ n }), traced ? { headers: given } : {});
    const checkpoints = memoryCheckpoints();
    const run = async (tracer?: PipelineTracer): Promise<void> => {
      const source = operator({ servers: server.url, type: "source", stream: "INPUT" }) as SourceOperator;
      const sink = operator({
        servers: server.url,
        type: "sink",
        stream: "OUTPUT",
        subject: "out",
        ...more,
      }) as SinkOperator;
      const summary = await startPipeline({ name: "t", source, sink, checkpoints, tracer, untilCaughtUp: true })
        .finished;
      expect(summary.exitCode, summary.error?.message).toBe(0);
    };
    const written = async (seq: number) => {
      const { header, data } = await manager.streams.getMessage("OUTPUT", { seq });
      return {
        trace: header?.get("traceparent") ?? "",
        state: header?.get("tracestate") ?? "",
        id: header?.get("Nats-Msg-Id") ?? "",
        row: JSON.parse(new TextDecoder().decode(data)),
      };
    };

    const tracer = countingTracer();
    await publish(1, true);
    await run(tracer);
    expect(tracer.batches).toEqual([`00-${TRACE}-b7ad6b7169203331-01`]);
    const id = "messageId" in more ? "1" : "";
    expect(await written(1)).toEqual({
      trace: `00-${TRACE}-0000000000000001-01`,
      state: "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE",
      ...{ id, row: { n: 1 } },
    });

    await publish(2, false);
    await run(tracer);
    expect(tracer.batches[1]).toBeUndefined();
    expect(await written(2)).toMatchObject({ trace: `00-${"f".repeat(32)}-0000000000000002-01`, state: "" });

    await publish(3, true);
    await run();
    expect(await written(3)).toMatchObject({ trace: "", state: "" });

    given.set("tracestate", `rojo=${"x".repeat(600)}`);
    await publish(4, true);
    await run(tracer);
    expect(await written(4)).toMatchObject({ trace: `00-${TRACE}-0000000000000003-01`, state: "" });
    await client.close();
  },
  30_000,
);

/**
 * A program: a pipeline from INPUT to OUTPUT, exactly once, whose transform makes as many rows of an input as it asks
 * for, under a number that is drawn anew each time where `DRAWS` is "true". Its argument is the folder of its state. It
 * ends like the command: with the exit code of its pipeline.
 */
import {
  ConnectorOptions,
  type ConstructedOperator,
  defineSchema,
  type InferRow,
  type OperatorConfig,
  type SourcePosition,
  type Transform,
} from "@x/connector-api";
import { fileCheckpoints } from "@x/connector-api/node";
import { natsConnector } from "@x/nats-connector";
import { type PipelineOperators, startPipeline } from "@x/runtime";

const input = defineSchema({ n: "BIGINT NOT NULL", parts: "INT NOT NULL" });
const output = defineSchema({ n: "BIGINT NOT NULL", part: "INT NOT NULL", drawn: "INT NOT NULL" });

const [state = "state"] = process.argv.slice(2);
const { NATS_URL: servers = "", SOLE_WRITER: soleWriter, DRAWS: draws } = process.env;
const connector = natsConnector();

/** Every row of an input has the position of that input. */
const fanOut: Transform<InferRow<typeof input>, InferRow<typeof output>> = {
  name: "fan out",
  deterministic: draws !== "true",
  open: async () => {},
  process({ rows, positions, ...batch }) {
    const made: InferRow<typeof output>[] = [];
    const from: SourcePosition[] = [];
    for (const [i, { n, parts }] of rows.entries()) {
      const drawn = draws === "true" ? Math.floor(Math.random() * 1e9) : 0;
      for (let part = 0; part < parts; part++) {
        made.push({ n, part, drawn });
        from.push(positions[i] as SourcePosition);
      }
    }
    return { ...batch, rows: made, positions: from };
  },
  close: async () => {},
};

function makeOperator(options: object, schema: typeof input | typeof output): ConstructedOperator {
  const bag = ConnectorOptions.fromObject({ servers, format: "json", ...options });
  const made = connector.fromOptions("fan-out", bag, schema);
  const config = JSON.parse(made.config) as OperatorConfig;
  const profile = connector.parseProfile(config.connection);
  return connector.makeOperator(profile, connector.parseTable(config.table), config, made.schema);
}

function makeOperators(): PipelineOperators {
  const source = makeOperator({ type: "source", stream: "INPUT" }, input);
  const sink = makeOperator(
    { type: "sink", stream: "OUTPUT", subject: "out.rows", delivery: "exactly_once", sink: { soleWriter } },
    output,
  );
  if (source.kind !== "source" || sink.kind !== "sink") throw new TypeError("expected a source and a sink");
  return { source: source.operator, sink: sink.operator, transform: fanOut as unknown as Transform };
}

const pipeline = startPipeline({
  name: "fan-out",
  ...makeOperators(),
  rebuild: makeOperators,
  checkpoints: fileCheckpoints(state),
  checkpointIntervalMs: 200,
});
process.once("SIGINT", () => pipeline.drain());
const { exitCode, error } = await pipeline.finished;
if (error !== undefined) console.error(`${error.code}: ${error.message}`);
process.exitCode = exitCode;

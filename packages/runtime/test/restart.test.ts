import { ConnectorError, type Logger, memoryCheckpoints, type SourceFinish, silentLogger } from "@x/connector-api";
import { expect, test } from "vitest";
import { type PipelineOperators, type PipelineSpec, type RestartPolicy, startPipeline } from "../src/index.js";
import { CountingSource } from "./counting-source.js";
import { RecordingSink } from "./recording-sink.js";

const oneTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i + 1);
const restart: RestartPolicy = { maxFutile: 3, firstDelayMs: 1, lastDelayMs: 4 };
const lost = (): ConnectorError => new ConnectorError("POSITION_LOST", "the consumer vanished");

/** Reads some rows, has them checkpointed, and fails. */
class FailingSource extends CountingSource {
  readonly #error: ConnectorError;

  constructor(rows: number, error: ConnectorError) {
    super(rows);
    this.#error = error;
  }

  override async run(...[context, collector]: Parameters<CountingSource["run"]>): Promise<SourceFinish> {
    await super.run(context, collector);
    collector.flush();
    await context.requestCheckpoint?.();
    throw this.#error;
  }
}

/** Operators for each start in turn; the last ones serve all further starts. */
function starts(...sources: (() => CountingSource)[]): Pick<PipelineSpec, "source" | "sink" | "rebuild" | "restart"> & {
  readonly sinks: RecordingSink[];
} {
  const sinks: RecordingSink[] = [];
  let next = 0;
  const make = (): PipelineOperators => {
    const source = (sources[Math.min(next++, sources.length - 1)] as () => CountingSource)();
    const sink = new RecordingSink();
    sinks.push(sink);
    return { source, sink };
  };
  return { ...make(), rebuild: make, restart, sinks };
}

test("operators that lost their place are made anew and go on at the last checkpoint, under the next epoch", async () => {
  const warnings: string[] = [];
  const logger: Logger = { ...silentLogger, warn: (_, message) => void warnings.push(message) };
  const { sinks, ...operators } = starts(
    () => new FailingSource(1000, lost()),
    () => new FailingSource(2000, lost()),
    () => new CountingSource(3000),
  );
  const pipeline = startPipeline({ name: "p", ...operators, checkpoints: memoryCheckpoints(), logger });
  const summary = await pipeline.finished;
  expect(summary).toMatchObject({ exitCode: 0, rowsIn: 3000 });
  expect(pipeline.restarts).toBe(2);
  expect(sinks.flatMap((sink) => sink.written)).toEqual(oneTo(3000));
  expect(sinks.map((sink) => sink.closed)).toEqual([1, 1, 1]);
  expect(sinks.map((sink) => sink.context?.identity.epoch)).toEqual([1, 2, 3]);
  expect(warnings).toEqual(Array(2).fill(expect.stringContaining("starts again at its last checkpoint")));
});

test("--max-rows counts the rows of all starts, and none twice", async () => {
  const { sinks, ...operators } = starts(
    () => new FailingSource(1000, lost()),
    () => new CountingSource(1e9),
  );
  const spec = { name: "p", ...operators, checkpoints: memoryCheckpoints(), maxRows: 2500 };
  expect(await startPipeline(spec).finished).toMatchObject({ exitCode: 0, rowsIn: 2500 });
  expect(sinks.flatMap((sink) => sink.written)).toEqual(oneTo(2500));
});

test("starts that move nothing have an end; the server that is away has none", async () => {
  const { sinks, ...futile } = starts(() => new FailingSource(0, lost()));
  const summary = await startPipeline({ name: "p", ...futile, checkpoints: memoryCheckpoints() }).finished;
  expect(summary).toMatchObject({ exitCode: 7, error: { code: "POSITION_LOST" } });
  expect(sinks).toHaveLength(3);

  const away = starts(() => new FailingSource(0, new ConnectorError("SERVER_UNAVAILABLE", "no leader")));
  const waiting = startPipeline({ name: "p", ...away, checkpoints: memoryCheckpoints() });
  await expect.poll(() => waiting.restarts).toBeGreaterThan(5);
  waiting.stop();
  expect(await waiting.finished).toMatchObject({ exitCode: 130 });
});

test("what no start can cure, or the first start itself, fails at once", async () => {
  const { sinks, ...fatal } = starts(() => new FailingSource(10, new ConnectorError("DATA_GAP", "gone")));
  expect(await startPipeline({ name: "p", ...fatal, checkpoints: memoryCheckpoints() }).finished).toMatchObject({
    exitCode: 4,
  });
  expect(sinks).toHaveLength(1);

  const first = starts(() => new CountingSource(10));
  first.source.open = () => Promise.reject(new ConnectorError("CONNECT_FAILED", "nobody there"));
  expect(await startPipeline({ name: "p", ...first, checkpoints: memoryCheckpoints() }).finished).toMatchObject({
    exitCode: 7,
  });
  expect(first.sinks).toHaveLength(1);
});

test("a newer instance that came in between is not taken over again", async () => {
  const checkpoints = memoryCheckpoints();
  const { sinks, ...operators } = starts(() => new FailingSource(10, lost()));
  operators.source.close = async () => void (await checkpoints.claim("p", "newer"));
  const summary = await startPipeline({ name: "p", ...operators, checkpoints }).finished;
  expect(summary).toMatchObject({ exitCode: 5, error: { code: "FENCED" } });
  expect(sinks).toHaveLength(1);
});

test("a drain while a start is waited for ends with the error that it waits behind", async () => {
  const slow = { ...restart, firstDelayMs: 60_000, lastDelayMs: 60_000 };
  const { sinks: _, ...operators } = starts(() => new FailingSource(10, lost()));
  let warned = (): void => {};
  const logger: Logger = { ...silentLogger, warn: () => warned() };
  const pipeline = startPipeline({ name: "p", ...operators, restart: slow, checkpoints: memoryCheckpoints(), logger });
  warned = () => queueMicrotask(() => pipeline.drain());
  expect(await pipeline.finished).toMatchObject({ exitCode: 7, error: { code: "POSITION_LOST" } });
});

test("what waited for operators that are gone is not counted any more", async () => {
  /** Adds to the gauge what is its own, as each split of a source does. */
  const waiting = (source: CountingSource): CountingSource => {
    const open = source.open.bind(source);
    source.open = async (context) => {
      context.counters.lag = (context.counters.lag ?? 0) + 7;
      context.counters.inFlight += 3;
      await open(context);
    };
    return source;
  };
  const operators = starts(
    () => waiting(new FailingSource(100, lost())),
    () => waiting(new FailingSource(200, lost())),
    () => waiting(new CountingSource(300)),
  );
  const pipeline = startPipeline({ name: "p", ...operators, checkpoints: memoryCheckpoints() });
  expect(await pipeline.finished).toMatchObject({ exitCode: 0, rowsIn: 300 });
  expect(pipeline.restarts).toBe(2);
  expect(pipeline.counters).toMatchObject({ lag: 7, inFlight: 3 });
});

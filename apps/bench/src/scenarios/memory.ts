import { setTimeout as sleep } from "node:timers/promises";
import type { Bench } from "../bench.js";
import { startEntrant } from "../contest/entrant-runner.js";
import type { Outcome } from "../contest/outcome.js";
import { encodeRows } from "../encoded.js";
import { payload } from "../flights.js";

const SIZE = "30B";
const CHUNK = 10_000;
/** How far the producer may be ahead of the pipeline; the streams keep a little more. */
const AHEAD = 50_000;
const KEPT = 100_000;
const POLL_MS = 20;

/** What a pipeline holds after so many messages, and after ten times as many: the same, or it leaks. */
export async function memoryLane(bench: Bench): Promise<Outcome[]> {
  const few = bench.short ? 20_000 : 1_000_000;
  const many = 10 * few;
  const payloads = await encodeRows("json", payload(SIZE));
  await bench.streams.limit(KEPT);
  // One more than are counted: it ends the run.
  const job = bench.job("ours pipeline", SIZE, "json", many + 1, { live: true });
  const pipeline = await startEntrant(job, "memory pipeline", bench.profileTo);
  try {
    const finished = pipeline.turn(0);
    const read = async (from: number, to: number): Promise<number> => {
      for (let fed = from; fed < to; fed += CHUNK) {
        await bench.streams.feed(payloads, CHUNK);
        await written(bench, fed + CHUNK - AHEAD);
      }
      await written(bench, to);
      return pipeline.memory();
    };
    const before = await read(0, few);
    const after = await read(few, many);
    await bench.streams.feed(payloads, 1);
    await finished;
    const value = before / after;
    return [
      {
        speeds: [],
        measures: [
          { name: `held after ${few.toLocaleString("en")} messages`, value: before / 1e6, unit: "MB" },
          { name: `held after ${many.toLocaleString("en")} messages`, value: after / 1e6, unit: "MB" },
        ],
        ratios: [
          { name: "memory: held at first / after ten times as many", value, low: value, high: value, cpu: undefined },
        ],
      },
    ];
  } finally {
    await pipeline.close();
  }
}

async function written(bench: Bench, count: number): Promise<void> {
  while ((await bench.streams.writtenOutput()) < count) await sleep(POLL_MS);
}

import type { RunningPipeline } from "@x/runtime";

interface Sample {
  readonly at: number;
  readonly rowsIn: number;
  readonly rowsOut: number;
}

/** One live line per pipeline on a terminal, redrawn in place until `stop`. */
export function startLiveLines(pipelines: readonly RunningPipeline[], write: (text: string) => void): { stop(): void } {
  const last = pipelines.map((): Sample => ({ at: performance.now(), rowsIn: 0, rowsOut: 0 }));
  let drawn = 0;
  const draw = (): void => {
    const lines = pipelines.map((pipeline, i) => {
      const { rowsIn, rowsOut } = pipeline.counters;
      const now = { at: performance.now(), rowsIn, rowsOut };
      const line = liveLine(pipeline, last[i] ?? now, now);
      last[i] = now;
      return line;
    });
    write(`${drawn > 0 ? `\x1b[${drawn}A` : ""}${lines.map((line) => `\r\x1b[K${line}\n`).join("")}`);
    drawn = lines.length;
  };
  const timer = setInterval(draw, 250);
  return {
    stop() {
      clearInterval(timer);
      draw();
    },
  };
}

/** A JSON line about all pipelines every half second until `stop`. */
export function startProgressEvents(
  pipelines: readonly RunningPipeline[],
  write: (line: string) => void,
): { stop(): void } {
  const timer = setInterval(() => {
    const facts = pipelines.map(({ name, counters, checkpointAgeMs }) => {
      const { rowsIn, rowsOut, badRows, lag } = counters;
      return { name, rowsIn, rowsOut, badRows, lag, checkpointAgeMs };
    });
    write(`${JSON.stringify({ event: "progress", pipelines: facts })}\n`);
  }, 500);
  return { stop: () => clearInterval(timer) };
}

function liveLine(pipeline: RunningPipeline, before: Sample, now: Sample): string {
  const seconds = Math.max(0.001, (now.at - before.at) / 1000);
  const { lag, badRows } = pipeline.counters;
  const age = pipeline.checkpointAgeMs;
  return [
    pipeline.name,
    `in ${rate(now.rowsIn - before.rowsIn, seconds)} (${now.rowsIn})`,
    `out ${rate(now.rowsOut - before.rowsOut, seconds)} (${now.rowsOut})`,
    lag === undefined ? "lag –" : `lag ${lag}`,
    age === undefined ? "no checkpoint yet" : `checkpoint ${(age / 1000).toFixed(1)}s ago`,
    ...(badRows > 0 ? [`bad ${badRows}`] : []),
  ].join("  ");
}

function rate(rows: number, seconds: number): string {
  return `${Math.round(rows / seconds).toLocaleString("en-US")} rows/s`;
}

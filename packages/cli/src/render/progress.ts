import type { GroupView, RunningPipeline } from "@x/runtime";
import type { Style } from "./style.js";

interface Sample {
  readonly at: number;
  readonly rowsIn: number;
  readonly rowsOut: number;
}

/** A terminal: a stream that knows its size, or says 0 where it does not. */
interface Terminal {
  write(text: string): unknown;
  readonly columns?: number;
  readonly rows?: number;
}

/** What is shown of pipelines while they run. */
export interface Progress {
  /** Says something in between, where it stays. */
  aside(say: () => void): void;
  stop(): void;
}

const REDRAW_MS = 250;

/** One live line per pipeline on a terminal, redrawn in place until `stop`. */
export function startLiveLines(pipelines: readonly RunningPipeline[], terminal: Terminal, style: Style): Progress {
  const last = pipelines.map((): Sample => ({ at: performance.now(), rowsIn: 0, rowsOut: 0 }));
  let drawn: readonly string[] = [];
  const up = (): string => (drawn.length > 0 ? `\x1b[${drawn.length}A` : "");
  const print = (lines: readonly string[]): string => lines.map((line) => `\r\x1b[K${line}\n`).join("");
  const draw = (): void => {
    const lines = pipelines.map((pipeline, i) => {
      const { rowsIn, rowsOut } = pipeline.counters;
      const now = { at: performance.now(), rowsIn, rowsOut };
      const line = liveLine(pipeline, last[i] ?? now, now, terminal.columns || 120, style);
      last[i] = now;
      return line;
    });
    const shown = fitting(lines, (terminal.rows || 24) - 1);
    terminal.write(up() + print(shown));
    drawn = shown;
  };
  const timer = setInterval(draw, REDRAW_MS);
  return {
    aside(say) {
      if (drawn.length > 0) terminal.write(`${up()}\x1b[J`);
      say();
      terminal.write(print(drawn));
    },
    stop() {
      clearInterval(timer);
      draw();
    },
  };
}

/** More lines than the terminal has could not be drawn over. */
function fitting(lines: readonly string[], max: number): readonly string[] {
  if (lines.length <= max) return lines;
  const shown = lines.slice(0, Math.max(0, max - 1));
  return [...shown, `… and ${lines.length - shown.length} more`];
}

/** A JSON line about all pipelines every half second until `stop`. */
export function startProgressEvents(pipelines: readonly RunningPipeline[], write: (line: string) => void): Progress {
  const timer = setInterval(() => {
    const facts = pipelines.map(({ name, counters, checkpointAgeMs, group }) => {
      const { rowsIn, rowsOut, badRows, lag } = counters;
      const awayMs = awayFor(counters.awaySince);
      return { name, rowsIn, rowsOut, badRows, lag, checkpointAgeMs, awayMs, ...(group && { group: sharing(group) }) };
    });
    write(`${JSON.stringify({ event: "progress", pipelines: facts })}\n`);
  }, 500);
  return { aside: (say) => say(), stop: () => clearInterval(timer) };
}

/** Who reads which split, as the events say it: null for a split that is free. */
function sharing({ name, members, holders }: GroupView): object {
  const splits = [...holders].map(([split, holder]) => [split, holder ?? null] as const);
  return { name, members, splits: Object.fromEntries(splits) };
}

/** `splits 0 2 of 4, 3 members`: what this process, or its workers, read. */
function heldSplits({ holders, members, own }: GroupView): string {
  const held = [...holders].flatMap(([split, holder]) => (holder !== undefined && own.has(holder) ? [split] : []));
  const which = held.length === 0 ? "none, standing by" : held.join(" ");
  return `splits ${which} of ${holders.size}, ${members.length} ${members.length === 1 ? "member" : "members"}`;
}

/** What stands in the line, the most urgent first: a narrow terminal cuts the rest, and a line never wraps. */
function liveLine(pipeline: RunningPipeline, before: Sample, now: Sample, columns: number, style: Style): string {
  const seconds = Math.max(0.001, (now.at - before.at) / 1000);
  const { lag, badRows, awaySince } = pipeline.counters;
  const age = pipeline.checkpointAgeMs;
  const awayMs = awayFor(awaySince);
  const plain = (text: string): string => text;
  const parts: [text: string, paint: (text: string) => string][] = [
    [pipeline.name, style.bold],
    ...(awayMs === undefined ? [] : [[`server away since ${Math.round(awayMs / 1000)} s`, style.red] as const]),
    [`in ${rate(now.rowsIn - before.rowsIn, seconds)} (${now.rowsIn})`, plain],
    [`out ${rate(now.rowsOut - before.rowsOut, seconds)} (${now.rowsOut})`, plain],
    [lag === undefined ? "lag –" : `lag ${lag}`, plain],
    [age === undefined ? "no checkpoint yet" : `checkpoint ${(age / 1000).toFixed(1)}s ago`, plain],
    ...(pipeline.group === undefined ? [] : [[heldSplits(pipeline.group), plain] as const]),
    ...(badRows > 0 ? [[`bad ${badRows}`, style.yellow] as const] : []),
  ].map(([text, paint]) => [text as string, paint as (text: string) => string]);
  let room = columns - 1;
  const shown: string[] = [];
  for (const [text, paint] of parts) {
    const cut = text.slice(0, Math.max(0, room));
    if (cut !== "") shown.push(paint(cut));
    room -= text.length + 2;
  }
  return shown.join("  ");
}

function awayFor(since: number | undefined): number | undefined {
  // The clock may be set back meanwhile.
  return since === undefined ? undefined : Math.max(0, Date.now() - since);
}

function rate(rows: number, seconds: number): string {
  return `${Math.round(rows / seconds).toLocaleString("en-US")} rows/s`;
}

import type { Latency, Outcome, Ratio, Speed } from "../contest/outcome.js";
import { floors } from "../floors.js";
import type { LaneRecord, RunRecord } from "./run-record.js";

const WIDTH = 760;
const LABEL = 230;
const ROW = 26;
const SCALE = WIDTH - LABEL - 120;

/** One self-contained page with a chart per race. */
export function renderPage(record: RunRecord): string {
  const lanes = Object.entries(record).map(([lane, one]) => renderLane(lane, one));
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>NATS connector for TypeScript: measured</title>
<style>
:root { color-scheme: light dark; --bar: #2f6f9f; --other: #9aa7b1; --line: #8884; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 800px; margin: 2rem auto; padding: 0 1rem; }
svg { width: 100%; height: auto; font: 13px system-ui, sans-serif; }
text { fill: currentColor; }
table { border-collapse: collapse; width: 100%; margin: 0 0 1rem; }
th, td { text-align: left; padding: .2rem .6rem .2rem 0; border-bottom: 1px solid var(--line); }
td + td, th + th { text-align: right; font-variant-numeric: tabular-nums; }
small { opacity: .75; }
</style>
<h1>Measured</h1>
<p>Every entrant has a process of its own; they take turns on one server on the same machine. Bars are medians, the thin
line goes from the first to the third quartile. Ratios are medians over the rounds: those can be compared between
machines, the bars cannot.</p>
${lanes.join("\n")}
</html>
`;
}

function renderLane(lane: string, { outcomes, ...where }: LaneRecord): string {
  const { machine, node, server, measuredOn, seconds } = where;
  const took = seconds === undefined ? "" : `; took ${Math.round(seconds)} s`;
  const about = `${machine}; Node ${node}; nats-server ${server}; ${measuredOn}${took}`;
  return `<h2>${escapeHtml(lane)}</h2>\n<p><small>${escapeHtml(about)}</small></p>\n${outcomes.map(renderOutcome).join("\n")}`;
}

function renderOutcome({ speeds, ratios, latencies = [], measures = [] }: Outcome): string {
  const title = speeds[0]?.race ?? latencies[0]?.race;
  return [
    title === undefined ? "" : `<h3>${escapeHtml(title)}</h3>`,
    speeds.length > 0 ? speedChart(speeds) : "",
    latencies.length > 0 ? latencyChart(latencies) : "",
    measures.length > 0
      ? table(
          ["measure", ""],
          measures.map(({ name, value, unit }) => [name, `${value.toFixed(1)} ${unit}`]),
        )
      : "",
    ratioTable(ratios),
  ].join("\n");
}

interface Bar {
  readonly label: string;
  readonly value: number;
  readonly low: number;
  readonly high: number;
  readonly text: string;
  readonly ours: boolean;
}

function chart(title: string, bars: readonly Bar[]): string {
  const most = Math.max(...bars.map(({ high }) => high));
  const x = (value: number): number => LABEL + (SCALE * value) / most;
  const rows = bars.map(({ label, value, low, high, text, ours }, i) => {
    const y = i * ROW;
    const middle = y + ROW / 2;
    return `<text x="${LABEL - 8}" y="${middle + 4}" text-anchor="end">${escapeHtml(label)}</text>
<rect x="${LABEL}" y="${y + 4}" width="${(x(value) - LABEL).toFixed(1)}" height="${ROW - 8}" fill="var(--${ours ? "bar" : "other"})"/>
<line x1="${x(low).toFixed(1)}" x2="${x(high).toFixed(1)}" y1="${middle}" y2="${middle}" stroke="currentColor"/>
<text x="${(x(high) + 8).toFixed(1)}" y="${middle + 4}">${escapeHtml(text)}</text>`;
  });
  return `<svg viewBox="0 0 ${WIDTH} ${bars.length * ROW}" role="img" aria-label="${escapeHtml(title)}">\n${rows.join("\n")}\n</svg>`;
}

const baseline =
  /^(floor|skilled|naive|raw loop|plain code|no where|unobserved|1 process|JSON|avsc|decode|encode|libnats|nats\.go|async-nats)/;

function speedChart(speeds: readonly Speed[]): string {
  return chart(
    `Messages per second: ${speeds[0]?.race}`,
    speeds.map(({ entrant, perSecond, low, high }) => ({
      label: entrant,
      value: perSecond,
      low,
      high,
      text: `${Math.round(perSecond).toLocaleString("en")}/s`,
      ours: !baseline.test(entrant),
    })),
  );
}

function latencyChart(latencies: readonly Latency[]): string {
  return chart(
    `Milliseconds on the way: ${latencies[0]?.race}`,
    latencies.flatMap(({ entrant, ...at }) =>
      (["p50", "p99", "p999"] as const).map((share) => ({
        label: `${entrant}, ${share === "p999" ? "p99.9" : share}`,
        value: at[share],
        low: at[share],
        high: at[share],
        text: `${at[share].toFixed(2)} ms`,
        ours: !baseline.test(entrant),
      })),
    ),
  );
}

function ratioTable(ratios: readonly Ratio[]): string {
  return table(
    ["ratio", "median", "quartiles", "by CPU", "95 % sure, by CPU", "goal"],
    ratios.map(({ name, value, low, high, cpu, cpuSure }) => [
      name,
      value.toFixed(2),
      `${low.toFixed(2)}–${high.toFixed(2)}`,
      cpu?.toFixed(2) ?? "",
      cpuSure?.map((bound) => bound.toFixed(2)).join("–") ?? "",
      floors[name]?.goal.toFixed(2) ?? "",
    ]),
  );
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[], tag: string): string =>
    `<tr>${cells.map((cell) => `<${tag}>${escapeHtml(cell)}</${tag}>`).join("")}</tr>`;
  return `<table>\n${[line(head, "th"), ...rows.map((row) => line(row, "td"))].join("\n")}\n</table>`;
}

function escapeHtml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { metrics } from "../../src/index.ts";
import { prometheusName } from "../../src/telemetry/prometheus.ts";

const text = readFileSync(new URL("../../../../docs/observability.md", import.meta.url), "utf8");
const units: Readonly<Record<string, string>> = { By: "bytes", s: "seconds", "1": "–" };
const unitOf = (unit: string): string => units[unit] ?? `${unit.slice(1, -1)}s`;

test("docs/observability.md lists every metric as it is", () => {
  const rows = [...text.matchAll(/^\| `(pipeline_\w+)` \| (\w+) \| (\S+) \| (.+) \|$/gm)].map(([, ...cells]) => cells);
  expect(rows).toEqual(
    metrics.map((metric) => [prometheusName(metric), metric.kind, unitOf(metric.unit), metric.help]),
  );
});

test("docs/observability.md lists every channel and what an event holds", () => {
  const listed = [...text.matchAll(/^\| `(x:[\w:-]+)` \| .+ \| `\{ (.+) \}` \|$/gm)].map(
    ([, channel, fields]) => `${channel} ${fields}`,
  );
  const sources = ["runtime", "nats-connector"].map((name) =>
    readFileSync(new URL(`../../../${name}/src/diagnostics.ts`, import.meta.url), "utf8"),
  );
  const declared = sources.flatMap((source) => {
    const fieldsOf = [...source.matchAll(/^export interface \w+ \{([\s\S]*?)^\}/gm)].map(([, body = ""]) =>
      [...body.matchAll(/readonly (\w+)\??:/g)].map(([, field]) => field).join(", "),
    );
    const channels = [...source.matchAll(/= channel\("(.+)"\)/g)].map(([, channel]) => channel);
    return channels.map((channel, i) => `${channel} ${fieldsOf[i]}`);
  });
  expect(listed).toEqual(declared);
});

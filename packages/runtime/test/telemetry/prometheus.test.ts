import { memoryCheckpoints } from "@x/connector-api";
import { expect, test } from "vitest";
import { renderPrometheus, startPipeline } from "../../src/index.ts";
import { CountingSource } from "../counting-source.ts";
import { RecordingSink } from "../recording-sink.ts";

test("a page has help, type and a sample per pipeline, its name escaped; what is not known has no sample", async () => {
  const start = (name: string) =>
    startPipeline({
      name,
      source: new CountingSource(10),
      sink: new RecordingSink(),
      checkpoints: memoryCheckpoints(),
    });
  const pipelines = [start("one"), start('two "quoted" \\ \n name')];
  expect(renderPrometheus(pipelines)).toContain('pipeline_up{pipeline="one"} 0\n');
  expect(renderPrometheus(pipelines)).not.toContain("pipeline_checkpoint_age_seconds{");
  await Promise.all(pipelines.map(({ finished }) => finished));
  const page = renderPrometheus(pipelines);
  expect(page).toContain(
    "# HELP pipeline_rows_in_total Rows decoded and handed on\n# TYPE pipeline_rows_in_total counter\n",
  );
  expect(page).toContain('pipeline_rows_in_total{pipeline="one"} 10\n');
  expect(page).toContain('pipeline_rows_in_total{pipeline="two \\"quoted\\" \\\\ \\n name"} 10\n');
  expect(page).toMatch(/pipeline_checkpoints_total\{pipeline="one"\} [1-9]/);
  expect(pipelines[0]?.state).toBe("finished");
  // Every line is a comment or a sample.
  for (const line of page.trimEnd().split("\n"))
    expect(line).toMatch(/^(# (HELP|TYPE) |pipeline_\w+\{pipeline="(one|two .*)"\} [-+.e\d]+$)/);
});

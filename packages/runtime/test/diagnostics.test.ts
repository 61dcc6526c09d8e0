import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { memoryCheckpoints } from "@x/connector-api";
import { expect, test } from "vitest";
import { type BatchEvent, type CheckpointEvent, type PipelineEvent, startPipeline } from "../src/index.ts";
import { CountingSource } from "./counting-source.ts";
import { RecordingSink } from "./recording-sink.ts";

test("tells of states, batches and checkpoints to whoever listens", async () => {
  const told: { channel: string; event: unknown }[] = [];
  const listener = (event: unknown, channel: string | symbol): void =>
    void told.push({ channel: String(channel), event });
  const channels = ["x:runtime:pipeline", "x:runtime:batch", "x:runtime:checkpoint"];
  for (const channel of channels) subscribe(channel, listener);
  const parts = { source: new CountingSource(2500), sink: new RecordingSink(), checkpoints: memoryCheckpoints() };
  await startPipeline({ name: "told", ...parts }).finished;
  for (const channel of channels) unsubscribe(channel, listener);
  await startPipeline({ name: "untold", ...parts, source: new CountingSource(1) }).finished;
  const of = <Event>(channel: string): Event[] =>
    told.filter((each) => each.channel === channel).map(({ event }) => event as Event);
  expect(of<PipelineEvent>("x:runtime:pipeline").map(({ pipeline, state }) => `${pipeline} ${state}`)).toEqual([
    "told starting",
    "told running",
    "told finished",
  ]);
  expect(of<BatchEvent>("x:runtime:batch").reduce((sum, { rows }) => sum + rows, 0)).toBe(2500);
  const checkpoints = of<CheckpointEvent>("x:runtime:checkpoint");
  expect(checkpoints.length).toBeGreaterThan(0);
  for (const event of checkpoints)
    expect(event).toMatchObject({ pipeline: "told", outcome: "durable", durationMs: expect.any(Number) });
});

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { findServerBinary } from "@x/nats-testkit";
import { expect, test } from "vitest";
import { createProject, packAll } from "../src/packed-project.js";

test("in a project of a stranger the fault kit passes a pipeline that is right, and tells of one that is not", async () => {
  using tarballs = await packAll();
  using project = await createProject(tarballs, ["nats-testkit"], { nats: "2.29.3", vitest: "4.1.12" });
  project.copy("examples/fault-kit/pipeline.mjs", "examples/fault-kit/chaos-pipeline.test.ts");
  const run = () =>
    project.node(["node_modules/vitest/vitest.mjs", "run"], { NATS_SERVER_BIN: findServerBinary(), NO_COLOR: "1" });
  const right = await run();
  expect(right.exitCode, right.stdout + right.stderr).toBe(0);

  // As the README says: without the id a swallowed ack shows as a duplicate.
  const pipeline = readFileSync(join(project.path, "pipeline.mjs"), "utf8");
  expect(pipeline).toContain(", { msgID: String(message.seq) }");
  project.write("pipeline.mjs", pipeline.replace(", { msgID: String(message.seq) }", ""));
  const wrong = await run();
  expect(wrong.exitCode).toBe(1);
  expect(wrong.stdout + wrong.stderr).toMatch(/lost 0, duplicated [1-9]/);
}, 300_000);

// A process of its own for the tests of the file store: `node store-child.mjs claim|removed|write|flood DIR PIPELINE [N]`.
import { rmSync } from "node:fs";
import { fileCheckpoints } from "@x/connector-api/node";

// Beyond the file size limit of `ulimit -f` the system sends this signal; with a handler the write fails instead.
process.on("SIGXFSZ", () => {});

const [command, dir, pipeline, count = "1"] = process.argv.slice(2);
const store = fileCheckpoints(dir);

const checkpointOf = (identity, checkpointId) => ({
  v: 1,
  ...identity,
  checkpointId,
  createdAt: new Date().toISOString(),
  splits: { s: { v: 1, filler: "x".repeat(20_000) } },
});

// The folder that it runs in is no longer there.
if (command === "removed") rmSync(process.cwd(), { recursive: true });
if (command === "claim" || command === "removed") {
  const claims = [];
  for (let i = 0; i < Number(count); i++) claims.push(await store.claim(pipeline, `${process.pid}-${i}`));
  process.stdout.write(JSON.stringify(claims));
} else if (command === "write") {
  const identity = { pipeline, jobId: "job", epoch: 1, instanceId: "child" };
  const error = await store.write(checkpointOf(identity, 99)).catch((error) => error);
  process.stdout.write(JSON.stringify({ code: error?.code, message: error?.message }));
} else {
  const identity = await store.claim(pipeline, "flood");
  for (let i = 0; ; i++) {
    await store.write(checkpointOf(identity, i));
    process.stdout.write(`${i}\n`);
  }
}

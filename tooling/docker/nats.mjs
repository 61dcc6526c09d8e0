#!/usr/bin/env node
// Stands in for the command `nats` of natsio/nats-box where that image cannot be pulled: the three calls of it that
// docker/compose.yaml and docker/README.md make. It runs in an image that has nats-pipeline, and uses its client.
import { readFileSync, realpathSync } from "node:fs";
import { createRequire } from "node:module";
import { parseArgs } from "node:util";

const { connect } = createRequire(realpathSync("/app/node_modules/@x/nats-connector/package.json"))("nats");
const options = /** @type {const} */ ({ config: { type: "string" }, count: { type: "string", default: "1" } });
const { values, positionals } = parseArgs({ options, allowPositionals: true });
const connection = await connect({ servers: process.env.NATS_URL?.split(",") });
// A cluster that has just lost a server is asked again, and stores nothing twice.
const patience = { timeout: 30_000, retries: 20 };
const TOGETHER = 100;
const manager = await connection.jetstreamManager({ checkAPI: false, timeout: 60_000 });
const [command, ...rest] = positionals;

if (command === "pub") {
  const [subject = "", template = ""] = rest;
  const run = process.hrtime.bigint();
  for (let first = 1; first <= Number(values.count); first += TOGETHER) {
    const together = Array.from({ length: Math.min(TOGETHER, Number(values.count) - first + 1) }, (_, i) => first + i);
    await Promise.all(
      together.map((n) => {
        const options = { ...patience, msgID: `${run}-${n}` };
        return connection.jetstream().publish(subject, template.replaceAll("{{Count}}", `${n}`), options);
      }),
    );
  }
} else if (rest[0] === "add") {
  await manager.streams.add(JSON.parse(readFileSync(values.config ?? "", "utf8")));
} else if (rest[0] === "ls") {
  for await (const { config, state } of manager.streams.list()) console.log(`${config.name} ${state.messages}`);
} else throw new Error(`this stand-in does not know: ${positionals.join(" ")}`);
await connection.drain();

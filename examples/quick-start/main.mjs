// The quick start behind `npm start`: a private nats-server, 200,000 real flight records, one SQL pipeline, and a check
// of the result. `npm start -- --keep` leaves the server running until Ctrl-C.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startNatsServer } from "@x/nats-testkit";
import { connect } from "nats";
import { loadFlights, readFlights } from "./flights.mjs";
import { runPipeline } from "./run-pipeline.mjs";

const sqlFile = fileURLToPath(new URL("../late-flights.sql", import.meta.url));
const number = (n) => n.toLocaleString("en-US");
const step = (text) => console.log(`\n▸ ${text}`);

async function withServer(stopped, run) {
  const folder = mkdtempSync(join(tmpdir(), "nats-quick-start-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  const server = await startNatsServer();
  let connection;
  try {
    connection = await connect({ servers: server.url });
    stopped.throwIfAborted();
    await run(server, connection, folder);
  } finally {
    await connection?.close();
    await server[Symbol.asyncDispose]();
  }
}

async function quickStart(server, connection, folder, stopped, keep) {
  step(`nats-server ${server.version} with JetStream runs at ${server.url}, for this run only`);

  const streams = await connection.jetstreamManager();
  await streams.streams.add({ name: "FLIGHTS", subjects: ["flights.>"] });
  await streams.streams.add({ name: "LATE", subjects: ["late.>"] });

  const flights = readFlights();
  step(`Loading ${number(flights.length)} flights into the stream FLIGHTS with acknowledged publishes …`);
  const loadedIn = await loadFlights(server.url, flights, stopped);
  const loaded = (await streams.streams.info("FLIGHTS")).state.messages;
  if (loaded !== flights.length) throw new Error(`FLIGHTS holds ${loaded} messages, expected ${flights.length}`);
  console.log(
    `  ${number(loaded)} stored in ${loadedIn.toFixed(1)} s (${number(Math.round(loaded / loadedIn))} rows/s)`,
  );

  step("Running examples/late-flights.sql: INSERT INTO late SELECT … WHERE delay > 60");
  const summary = await runPipeline({ sqlFile, natsUrl: server.url, stateFolder: folder, stopped });
  const seconds = summary.durationMs / 1000;
  console.log(`  rows in      ${number(summary.rowsIn)}`);
  console.log(`  rows out     ${number(summary.rowsOut)}`);
  console.log(`  rows/s       ${number(Math.round(summary.rowsIn / seconds))}`);
  console.log(`  checkpoints  ${summary.checkpoints}`);
  console.log(`  time         ${seconds.toFixed(2)} s`);

  const expected = flights.filter((flight) => flight.delay > 60).length;
  const stored = (await streams.streams.info("LATE")).state.messages;
  const counts = { "rows in": summary.rowsIn, "rows out": summary.rowsOut, "messages in LATE": stored };
  const right = { "rows in": flights.length, "rows out": expected, "messages in LATE": expected };
  for (const [what, count] of Object.entries(counts)) {
    if (count !== right[what]) throw new Error(`${what}: ${count}, expected ${right[what]}`);
  }
  step(
    `Checked: ${number(expected)} of ${number(flights.length)} flights were more than an hour late. The first five:`,
  );
  for (let seq = 1; seq <= 5; seq++) {
    console.log(`  ${(await streams.streams.getMessage("LATE", { seq })).string()}`);
  }

  const cli = "node packages/cli/bin/nats-pipeline.js run";
  step("Try next:");
  console.log("  npm start -- --keep        keeps the server until Ctrl-C; then, in another terminal:");
  console.log(`  export NATS_URL=${keep ? server.url : "nats://127.0.0.1:PORT"}`);
  console.log(`  ${cli} examples/tail-late.sql --state memory: --max-rows 5`);
  console.log(`  ${cli} examples/late-flights.sql --state memory: --until-caught-up`);
  console.log(`  ${cli} --help`);
  if (keep) {
    step("The server keeps running. Ctrl-C ends it and removes its data.");
    stopped.throwIfAborted();
    await new Promise((_, reject) => stopped.addEventListener("abort", () => reject(stopped.reason)));
  }
}

const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => stop.abort(new Error(`stopped by ${signal}`)));
try {
  const keep = process.argv.includes("--keep");
  await withServer(stop.signal, (...parts) => quickStart(...parts, stop.signal, keep));
} catch (error) {
  if (!stop.signal.aborted) throw error;
  console.log("\nStopped. Nothing is left behind.");
  process.exitCode = 130;
}

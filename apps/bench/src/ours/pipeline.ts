import { fork } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { main } from "@x/cli";
import { findFreePort } from "@x/nats-testkit";
import { type Job, type OpenEntrant, streams } from "../contest/entrant.js";
import { formatOptions } from "../encoded.js";
import { payload } from "../flights.js";

/**
 * The command `nats-pipeline run` in this process, on an SQL file, with its default checkpoints in a folder: the time
 * is that of the whole run, from parsing to the final durable checkpoint.
 */
export const ourPipeline: OpenEntrant = async (job) => {
  const folder = mkdtempSync(join(tmpdir(), "nats-bench-"));
  const file = join(folder, "bench.sql");
  writeFileSync(file, scriptOf(job));
  const observer = job.observed === true ? await startObserver() : undefined;
  const observed = observer === undefined ? [] : ["--http", observer.address];
  return {
    prepare: async (turn) => async () => {
      const lines: string[] = [];
      const collect = new Writable({
        write(chunk, _encoding, callback) {
          lines.push(String(chunk));
          callback();
        },
      });
      const state = `file:${join(folder, `state-${turn}`)}`;
      const until = job.live === true ? ["--max-rows", String(job.count)] : ["--until-caught-up"];
      const args = ["run", file, "--state", state, "--name", `bench-${process.pid}-${turn}`, "--json", ...until];
      const code = await main([...args, ...observed], { stdout: collect, stderr: collect });
      if (code !== 0) throw new Error(`nats-pipeline ended with ${code}: ${lines.join("")}`);
    },
    close: async () => {
      observer?.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
};

/** Starts who asks for the metrics all the time. */
async function startObserver() {
  const address = `127.0.0.1:${await findFreePort()}`;
  const child = fork(fileURLToPath(new URL("observer.js", import.meta.url)), [address], { execArgv: [] });
  return { address, stop: () => child.disconnect() };
}

function scriptOf({ servers, format, payload: name, delivery = "at_least_once", ...query }: Job): string {
  const data = payload(name);
  const common = { connector: "nats", servers, ...formatOptions(format, data) };
  const source = {
    ...common,
    type: "source",
    stream: streams.input.name,
    ...(query.filter && { "consumer.filter_subjects": query.filter }),
  };
  const { name: stream, subject } = streams.output;
  const sink = { ...common, type: "sink", stream, subject, delivery };
  return `CREATE TABLE source (${data.columns}) WITH (${listOf(source)});
CREATE TABLE sink (${data.columns}) WITH (${listOf(sink)});
INSERT INTO sink SELECT ${query.select ?? "*"} FROM source${query.where === undefined ? "" : ` WHERE ${query.where}`};
`;
}

function listOf(options: Readonly<Record<string, string>>): string {
  return Object.entries(options)
    .map(([name, value]) => `'${name}' = '${value.replaceAll("'", "''")}'`)
    .join(", ");
}

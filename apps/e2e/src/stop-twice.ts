import { setTimeout as sleep } from "node:timers/promises";
import { findFreePort, startNatsServer } from "@x/nats-testkit";
import { numberedRows, pipelineSql } from "./pipeline-sql.js";
import { type CliResult, startCli } from "./run-cli.js";
import { openStreams } from "./streams.js";
import type { WorkFolder } from "./work-folder.js";

/**
 * A run that is stopped by a second signal, sent once the first is known to have been heard: its drain cannot end, because
 * the server of its sink confirms nothing any more, while that of its source goes on.
 */
export async function stopTwice(folder: WorkFolder, first: NodeJS.Signals): Promise<CliResult> {
  await using server = await startNatsServer();
  await using sinkServer = await startNatsServer();
  await using streams = await openStreams(server.url);
  await using outputs = await openStreams(sinkServer.url);
  await streams.add("INPUT", "in.rows");
  await outputs.add("OUTPUT", "out.rows");
  const sql = pipelineSql().replace("'{{ NATS_URL }}', type = 'sink'", "'{{ SINK_URL }}', type = 'sink'");
  const file = folder.write("stopped-twice.sql", sql);
  const port = await findFreePort();
  const args = ["run", file, "--json", "--http", `:${port}`, "--drain-timeout", "10m"];
  const running = startCli(args, { cwd: folder.path, env: { NATS_URL: server.url, SINK_URL: sinkServer.url } });
  const says = async (path: string, what: RegExp): Promise<void> => {
    const text = (): Promise<string> =>
      fetch(`http://127.0.0.1:${port}${path}`).then(
        (response) => response.text(),
        () => "",
      );
    while (!what.test(await text())) await sleep(10);
  };
  await streams.fill("in.rows", numberedRows(1, 10));
  while ((await outputs.count("OUTPUT")) < 10) await sleep(10);
  sinkServer.pause();
  try {
    await streams.fill("in.rows", numberedRows(11, 20));
    await says("/metrics", /^pipeline_rows_in_total\S* 20$/m);
    running.child.kill(first);
    await says("/readyz", /: draining$/m);
    running.child.kill("SIGTERM");
    return await running.finished;
  } finally {
    sinkServer.resume();
  }
}

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { findFreePort, startNatsServer } from "@x/nats-testkit";
import { expect, test } from "vitest";
import { pipelineSql } from "../src/pipeline-sql.js";
import { startCli } from "../src/run-cli.js";
import { openStreams } from "../src/streams.js";
import { openWorkFolder, type WorkFolder } from "../src/work-folder.js";

const script = fileURLToPath(new URL("../../../docker/health.mjs", import.meta.url));

/** What the image's health check says beside a process with this command line, as Linux shows it. */
async function healthBeside(folder: WorkFolder, args: readonly string[]): Promise<{ exitCode: number; says: string }> {
  const commandLine = folder.write("cmdline", ["node", "/app/bin/nats-pipeline.js", ...args, ""].join("\0"));
  const child = spawn(process.execPath, [script, commandLine], { stdio: ["ignore", "pipe", "inherit"] });
  let says = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    says += text;
  });
  const [exitCode] = await once(child, "close");
  return { exitCode, says: says.trimEnd() };
}

test("with --http the image is as healthy as /healthz says, without as its process is", async () => {
  using folder = openWorkFolder();
  await using server = await startNatsServer();
  await using streams = await openStreams(server.url);
  await streams.add("INPUT", "in.rows");
  await streams.add("OUTPUT", "out.rows");
  const port = await findFreePort();
  const args = ["run", folder.write("job.sql", pipelineSql()), "--json", "--state", "memory:", "--http"];
  expect(await healthBeside(folder, [...args, `:${port}`])).toEqual({
    exitCode: 1,
    says: `--http :${port} does not answer: ECONNREFUSED`,
  });
  const running = startCli([...args, `0.0.0.0:${port}`], { cwd: folder.path, env: { NATS_URL: server.url } });
  const healthy = { exitCode: 0, says: "job: ok" };
  await expect.poll(() => healthBeside(folder, [...args, `0.0.0.0:${port}`]), { timeout: 30_000 }).toEqual(healthy);
  for (const address of [`${port}`, `:${port}`, `localhost:${port}`]) {
    expect(await healthBeside(folder, [...args, address]), address).toEqual(healthy);
  }
  expect(await healthBeside(folder, ["run", "job.sql", `--http=:${port}`])).toEqual(healthy);

  // It listens, and says nothing any more.
  running.child.kill("SIGSTOP");
  const silent = await healthBeside(folder, [...args, `:${port}`]);
  running.child.kill("SIGCONT");
  expect(silent).toEqual({ exitCode: 1, says: `--http :${port} does not answer: TimeoutError` });

  running.child.kill("SIGTERM");
  expect((await running.finished).exitCode).toBe(0);
  expect(await healthBeside(folder, ["run", "job.sql"])).toEqual({ exitCode: 0, says: "no --http to ask" });
});

test("a no of /healthz is shown as it was said", async () => {
  using folder = openWorkFolder();
  const server = createServer((request, response) => {
    response.writeHead(request.url === "/healthz" ? 503 : 404).end("one: ok\ntwo: STREAM_NOT_FOUND\n");
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  const health = await healthBeside(folder, ["run", "job.sql", "--http", `:${port}`]);
  server.close();
  expect(health).toEqual({ exitCode: 1, says: "one: ok\ntwo: STREAM_NOT_FOUND" });
});

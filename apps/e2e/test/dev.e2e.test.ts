import { existsSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { findFreePort, findServerBinary } from "@x/nats-testkit";
import { expect, test } from "vitest";
import { runCli, startCli } from "../src/run-cli.js";
import { openStreams } from "../src/streams.js";

const env = { NATS_SERVER_BIN: findServerBinary() };
const devFolders = (): string[] => readdirSync(tmpdir()).filter((name) => name.startsWith("nats-pipeline-dev-"));

async function listening(running: ReturnType<typeof startCli>): Promise<{ url: string; pid: number }> {
  for await (const _ of running.child.stdout ?? []) if (running.stdout().includes("\n")) break;
  return JSON.parse(running.stdout());
}

test.each(["SIGINT", "SIGTERM"] as const)(
  "dev runs a server with JetStream; %s ends it and removes its folder",
  async (signal) => {
    const before = devFolders();
    const running = startCli(["dev", "--port", "0", "--json"], { env });
    const { url, pid } = await listening(running);
    const [folder = ""] = devFolders().filter((name) => !before.includes(name));
    expect(existsSync(`${tmpdir()}/${folder}`)).toBe(true);
    {
      await using streams = await openStreams(url);
      await streams.add("S", "s.>");
      await streams.fill("s.a", [{ n: 1 }]);
      expect(await streams.count("S")).toBe(1);
    }
    running.child.kill(signal);
    const { exitCode, stderr } = await running.finished;
    expect(exitCode, stderr).toBe(0);
    expect(existsSync(`${tmpdir()}/${folder}`)).toBe(false);
    expect(() => process.kill(pid, 0)).toThrow();
  },
);

test("dev says what is in the way: a taken port, no server, a wrong port", async () => {
  const port = await findFreePort();
  const first = startCli(["dev", "--port", String(port), "--json"], { env });
  expect(await listening(first)).toMatchObject({ url: `nats://127.0.0.1:${port}` });
  const second = await runCli(["dev", "--port", String(port)], { env });
  expect([second.exitCode, second.stderr]).toEqual([2, expect.stringContaining(`${port} is taken`)]);
  first.child.kill("SIGINT");
  expect((await first.finished).exitCode).toBe(0);

  const none = await runCli(["dev"], { env: { NATS_SERVER_BIN: "", PATH: "/nowhere" } });
  expect([none.exitCode, none.stderr]).toEqual([2, expect.stringContaining("DEPENDENCY_MISSING")]);
  const wrong = await runCli(["dev"], { env: { NATS_SERVER_BIN: "/nowhere/nats-server" } });
  expect([wrong.exitCode, wrong.stderr]).toEqual([2, expect.stringContaining("/nowhere/nats-server")]);
  const text = await runCli(["dev", "--port", "http"], { env });
  expect([text.exitCode, text.stderr]).toEqual([2, expect.stringContaining('got "http"')]);
});

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { connect, StringCodec } from "nats";
import { describe, expect, it } from "vitest";
import { startNatsServer } from "../src/index.ts";
import { probeServer } from "../src/probe-server.ts";

const text = StringCodec();

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe("startNatsServer", () => {
  it("gives a server that answers, with JetStream, and leaves nothing behind", async () => {
    let pid = 0;
    let storeDir = "";
    {
      await using server = await startNatsServer();
      ({ pid, storeDir } = server);
      const connection = await connect({ servers: server.url });
      expect(connection.info?.version).toBe(server.version);
      const manager = await connection.jetstreamManager();
      await manager.streams.add({ name: "S", subjects: ["s.>"] });
      expect(existsSync(storeDir)).toBe(true);
      await connection.close();
    }
    expect(isAlive(pid)).toBe(false);
    expect(existsSync(storeDir)).toBe(false);
  });

  it("keeps port and store over kill and restart, and over stop and restart", async () => {
    await using server = await startNatsServer();
    const { port, pid } = server;
    const first = await connect({ servers: server.url, reconnect: false });
    await (await first.jetstreamManager()).streams.add({ name: "S", subjects: ["s"] });
    await first.jetstream().publish("s", text.encode("kept"));

    await server.kill();
    expect(isAlive(pid)).toBe(false);
    expect(await probeServer(port, false, 200)).toBeUndefined();
    await server.restart();
    await server.stop();
    await server.stop();
    await server.restart();

    expect(server.port).toBe(port);
    expect(server.pid).not.toBe(pid);
    const second = await connect({ servers: server.url });
    const info = await (await second.jetstreamManager()).streams.info("S");
    expect(info.state.messages).toBe(1);
    await second.close();
  });

  it("pauses and resumes the process", async () => {
    await using server = await startNatsServer({ jetstream: false });
    server.pause();
    expect(await probeServer(server.port, false, 200)).toBeUndefined();
    server.resume();
    expect(await probeServer(server.port, false, 5_000)).toMatchObject({ server_name: server.name });
    server.pause();
  });

  it("takes extra configuration, limits, and a new configuration while it runs", async () => {
    const authorization = (password: string) => `authorization { user: "u", password: "${password}" }`;
    await using server = await startNatsServer({ config: authorization("one"), maxPayloadBytes: 2048 });
    const connection = await connect({ servers: server.url, user: "u", pass: "one" });
    expect(connection.info?.max_payload).toBe(2048);
    await connection.close();
    await expect(connect({ servers: server.url })).rejects.toThrow(/Authorization Violation/);

    await server.reload(authorization("two"));
    await (await connect({ servers: server.url, user: "u", pass: "two" })).close();
    await expect(server.reload("authorization {")).rejects.toThrow(/did not take the new configuration/);
  });

  it("rejects with the server's log when it exits at start", async () => {
    await expect(startNatsServer({ config: "nonsense: [" })).rejects.toThrow(
      /exited at start \(code 1\):\n.*Parse error/,
    );
  });

  it("says what the port is for when it is taken", async () => {
    await using server = await startNatsServer({ jetstream: false });
    await expect(startNatsServer({ port: server.port })).rejects.toThrow(/address already in use/);
  });

  it("rejects when the binary cannot be started", async () => {
    await expect(startNatsServer({ bin: "/nowhere/nats-server" })).rejects.toThrow(
      /\/nowhere\/nats-server cannot be started/,
    );
  });

  it("dies with its parent, however that ends", async () => {
    const script = `
      import { startNatsServer } from ${JSON.stringify(fileURLToPath(new URL("../dist/index.js", import.meta.url)))};
      const server = await startNatsServer();
      process.stdout.write(server.port + " " + server.storeDir);
      if (process.argv[1] === "signal") setInterval(() => {}, 1000);`;
    for (const end of ["exit", "signal"]) {
      const parent = spawn(process.execPath, ["--input-type=module", "-e", script, end], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      const ended = new Promise((resolve) => parent.once("exit", resolve));
      const [port = "", storeDir = ""] = await new Promise<string[]>((resolve) => {
        parent.stdout.once("data", (chunk: Buffer) => resolve(String(chunk).split(" ")));
      });
      if (end === "signal") parent.kill("SIGKILL");
      await ended;
      expect(Number(port)).toBeGreaterThan(1);
      await expect.poll(() => probeServer(Number(port), false, 200)).toBeUndefined();
      await expect.poll(() => existsSync(storeDir)).toBe(false);
    }
  });
});

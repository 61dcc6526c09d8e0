import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type FaultProxy, startFaultProxy } from "../src/index.ts";

/** A target that echoes. */
const echo = createServer({ allowHalfOpen: true }, (socket) => {
  socket.on("error", () => undefined);
  socket.pipe(socket);
});
let proxy: FaultProxy;
let client: Socket;

beforeEach(async () => {
  echo.listen(0, "127.0.0.1");
  await once(echo, "listening");
  proxy = await startFaultProxy({ target: `127.0.0.1:${(echo.address() as AddressInfo).port}` });
  client = connect(proxy.port, "127.0.0.1");
  client.on("error", () => undefined);
  await once(client, "connect");
});
afterEach(async () => {
  client.destroy();
  await proxy[Symbol.asyncDispose]();
  await proxy[Symbol.asyncDispose]();
  await new Promise((resolve) => echo.close(resolve));
});

async function read(bytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  while (length < bytes) {
    const chunk: Buffer | null = client.read();
    if (chunk === null) {
      await once(client, "readable");
      continue;
    }
    chunks.push(chunk);
    length += chunk.length;
  }
  return Buffer.concat(chunks);
}

describe("startFaultProxy", () => {
  it("relays large transfers unchanged, with backpressure, and counts them", async () => {
    const bytes = Buffer.alloc(20 * 1024 * 1024, "0123456789");
    client.write(bytes);
    expect((await read(bytes.length)).equals(bytes)).toBe(true);
    expect(proxy.counters).toEqual({
      accepted: 1,
      open: 1,
      bytesToTarget: bytes.length,
      bytesFromTarget: bytes.length,
    });
  });

  it("relays the end of one side and lets the other finish", async () => {
    client.end("last words");
    expect(String(await read(10))).toBe("last words");
    client.resume();
    await once(client, "end");
    await expect.poll(() => proxy.counters.open).toBe(0);
  });

  it("cuts open connections and accepts new ones", async () => {
    const closed = once(client, "close");
    client.resume();
    proxy.cut();
    await closed;
    client = connect(proxy.port, "127.0.0.1");
    client.write("again");
    expect(String(await read(5))).toBe("again");
    expect(proxy.counters.accepted).toBe(2);
  });

  it("refuses new connections, keeps open ones, and accepts again on the same port", async () => {
    await proxy.refuse(true);
    const [error] = await once(connect(proxy.port, "127.0.0.1"), "error");
    expect(error).toMatchObject({ code: "ECONNREFUSED" });
    client.write("still");
    expect(String(await read(5))).toBe("still");
    await proxy.refuse(false);
    await proxy.refuse(false);
    const next = connect(proxy.port, "127.0.0.1");
    await once(next, "connect");
    next.destroy();
  });

  it("holds bytes of one direction or both, and hands them on in order", async () => {
    proxy.blackhole(true, "fromTarget");
    client.write("one ");
    await expect.poll(() => proxy.counters.bytesToTarget).toBe(4);
    proxy.blackhole(true);
    client.write("two");
    await sleep(30);
    expect(proxy.counters).toMatchObject({ bytesToTarget: 4, bytesFromTarget: 0 });
    proxy.blackhole(false);
    expect(String(await read(7))).toBe("one two");
  });

  it("delays both ways without changing the order, also when the delay ends", async () => {
    proxy.delay(60);
    const startedAt = performance.now();
    client.write("a");
    expect(String(await read(1))).toBe("a");
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(115);
    client.write("b");
    await sleep(10);
    proxy.delay(0);
    client.write("c");
    expect(String(await read(2))).toBe("bc");
  });

  it("delays one direction alone", async () => {
    proxy.delay(60, "fromTarget");
    const startedAt = performance.now();
    client.write("a");
    await expect.poll(() => proxy.counters.bytesToTarget, { interval: 1 }).toBe(1);
    expect(String(await read(1))).toBe("a");
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(55);
  });

  it("cuts a connection after so many bytes, which arrive", async () => {
    client.write("before");
    await read(6);
    const cut = proxy.cutAfter(4, "fromTarget");
    const ended = once(client, "end");
    client.write("1234567");
    expect(String(await read(4))).toBe("1234");
    client.resume();
    await ended;
    await cut;
    await expect.poll(() => proxy.counters).toMatchObject({ open: 0, bytesFromTarget: 10 });
    client = connect(proxy.port, "127.0.0.1");
    client.write("once only");
    expect(String(await read(9))).toBe("once only");
  });

  it("breaks one side and leaves the other open, which hears nothing", async () => {
    client.write("a");
    await read(1);
    proxy.halfOpen("target");
    client.write("b");
    await sleep(30);
    expect(client.read()).toBeNull();
    expect(client.readyState).toBe("open");
    expect(proxy.counters.open).toBe(1);

    const other = connect(proxy.port, "127.0.0.1");
    other.write("c");
    await once(other, "readable");
    const gone = once(other, "close");
    other.on("error", () => undefined).resume();
    proxy.halfOpen("client");
    await gone;
    client.destroy();
    await sleep(0);
    proxy.cut();
    await expect.poll(() => proxy.counters.open).toBe(0);
  });

  it("closes a client when the target is down, and refuses a target without a port", async () => {
    await using down = await startFaultProxy({ target: "127.0.0.1:1" });
    const lost = connect(down.port, "127.0.0.1").resume();
    lost.on("error", () => undefined);
    await once(lost, "close");
    await expect(startFaultProxy({ target: "localhost" })).rejects.toThrow(/target is "localhost", expected/);
  });
});

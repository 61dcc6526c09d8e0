import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { expect, it } from "vitest";
import { openClusterNetwork } from "../src/cluster-network.ts";
import { findFreePort } from "../src/index.ts";

/** Says at once what it is told. */
async function startEcho(): Promise<AsyncDisposable & { readonly port: number }> {
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    socket.on("error", () => socket.destroy()).pipe(socket);
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

it("holds what is between two nodes for as long as one of them is isolated", async () => {
  await using one = await startEcho();
  await using two = await startEcho();
  await using three = await startEcho();
  const clients = [await findFreePort(), await findFreePort(), await findFreePort()];
  await using network = await openClusterNetwork(clients, [one.port, two.port, three.port]);
  const ask = async (from: number, to: number): Promise<{ heard(): string; close(): void }> => {
    const others = [0, 1, 2].filter((i) => i !== from);
    const socket = connect(Number(new URL(network.routesOf(from)[others.indexOf(to)] ?? "").port), "127.0.0.1");
    let heard = "";
    socket.on("data", (chunk) => {
      heard += chunk;
    });
    socket.write("hello");
    return { heard: () => heard, close: () => void socket.destroy() };
  };
  const everything = { nodes: true, clients: true };
  network.isolate(0, everything);
  network.isolate(1, everything);
  const both = [await ask(0, 1), await ask(1, 0)];
  network.rejoin(0);
  expect([network.isIsolated(0), network.isIsolated(1)]).toEqual([false, true]);
  const free = await ask(0, 2);
  // By now the others would have heard too.
  await expect.poll(() => free.heard()).toBe("hello");
  expect(both.map(({ heard }) => heard())).toEqual(["", ""]);

  // Only from clients now: its isolation before is over.
  network.isolate(1, { nodes: false, clients: true });
  await expect.poll(() => both.map(({ heard }) => heard())).toEqual(["hello", "hello"]);
  for (const { close } of [...both, free]) close();
});

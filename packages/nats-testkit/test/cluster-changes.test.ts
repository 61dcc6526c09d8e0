import { existsSync } from "node:fs";
import { connect } from "nats";
import { expect, it } from "vitest";
import { obtainNatsServer } from "../../../tooling/nats-server/obtain-nats-server.mjs";
import { startNatsCluster } from "../src/index.ts";
import { addStream, publish } from "./replicated-stream.ts";

it("isolates the leader without a sign, and another one leads until it comes back", async () => {
  await using cluster = await startNatsCluster({ partitionable: true });
  const connection = await connect({ servers: cluster.urls[0] as string, name: "who", reconnectTimeWait: 50 });
  expect((await cluster.nodeOfClient("who"))?.name).toBe(cluster.nodes[0]?.name);
  await addStream(connection, "P");
  // Leads nothing any more, and a client that stays with it is told by nobody.
  const leader = await cluster.leaderOf("P");
  leader.isolate();
  const next = await cluster.leaderOf("P");
  expect(next.name).not.toBe(leader.name);
  await cluster.whenCurrent();
  leader.rejoin();
  await cluster.whenCurrent();
  await publish(connection, "P", "1");
  await connection.close();

  await using plain = await startNatsCluster({ size: 2 });
  expect(() => plain.nodes[0]?.isolate()).toThrow(/cannot be isolated, expected .* partitionable: true/);
}, 120_000);

it("keeps its data while every node changes its binary from 2.10 to the newest, one after the other", async () => {
  const { path } = await obtainNatsServer({ series: "2.10" });
  await using cluster = await startNatsCluster({ bin: path });
  const connection = await connect({ servers: [...cluster.urls], maxReconnectAttempts: -1, reconnectTimeWait: 50 });
  await addStream(connection, "U");
  for (const [i, node] of cluster.nodes.entries()) {
    expect(node.version).toMatch(/^2\.10\./);
    await publish(connection, "U", `${i}`);
    await node.restart({ bin: (await obtainNatsServer()).path });
    await cluster.whenCurrent();
  }
  expect(new Set(cluster.nodes.map(({ version }) => version)).size).toBe(1);
  expect(cluster.nodes[0]?.version).not.toMatch(/^2\.10\./);
  expect((await (await connection.jetstreamManager()).streams.info("U")).state.messages).toBe(3);
  await connection.close();
}, 120_000);

it("takes a binary per node, credentials, and keeps clients on the address they know", async () => {
  const old = (await obtainNatsServer({ series: "2.10" })).path;
  const { path } = await obtainNatsServer();
  const storeDirs: string[] = [];
  {
    await using cluster = await startNatsCluster({
      bin: [old, path, path],
      config: `authorization { user: "u", password: "p" }`,
      login: { user: "u", pass: "p" },
      advertise: false,
    });
    storeDirs.push(...cluster.nodes.map(({ storeDir }) => storeDir));
    expect(cluster.nodes.map(({ version }) => version.split(".", 2).join("."))[0]).toBe("2.10");
    const connection = await connect({ servers: cluster.urls[1] as string, user: "u", pass: "p" });
    expect(connection.info?.connect_urls).toBeUndefined();
    await addStream(connection, "M");
    const leader = await cluster.leaderOf("M");
    expect((await cluster.stepDown("M")).name).not.toBe(leader.name);
    await connection.close();
  }
  expect(storeDirs.filter(existsSync)).toEqual([]);
}, 60_000);

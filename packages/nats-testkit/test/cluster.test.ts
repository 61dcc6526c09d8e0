import { existsSync } from "node:fs";
import { connect, headers, type NatsConnection } from "nats";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { obtainNatsServer } from "../../../tooling/nats-server/obtain-nats-server.mjs";
import { type NatsCluster, startNatsCluster } from "../src/index.ts";

async function publish(connection: NatsConnection, stream: string, id: string): Promise<void> {
  const unique = headers();
  unique.set("Nats-Msg-Id", id);
  await expect
    .poll(
      () =>
        connection
          .jetstream()
          .publish(`${stream}.x`, id, { headers: unique })
          .then(
            () => true,
            () => false,
          ),
      {
        timeout: 30_000,
      },
    )
    .toBe(true);
}

async function addStream(connection: NatsConnection, name: string): Promise<void> {
  const manager = await connection.jetstreamManager();
  await manager.streams.add({ name, subjects: [`${name}.>`], num_replicas: 3 });
}

describe("startNatsCluster", () => {
  let cluster: NatsCluster;
  let connection: NatsConnection;

  beforeAll(async () => {
    cluster = await startNatsCluster();
    connection = await connect({ servers: [...cluster.urls], maxReconnectAttempts: -1, reconnectTimeWait: 50 });
  });
  afterAll(async () => {
    await connection.close();
    await cluster[Symbol.asyncDispose]();
    await cluster[Symbol.asyncDispose]();
  });

  it("gives three nodes that replicate a stream and know its leader", async () => {
    expect(cluster.nodes.map(({ state }) => state)).toEqual(["running", "running", "running"]);
    await addStream(connection, "A");
    const leader = await cluster.leaderOf("A");
    const info = await (await connection.jetstreamManager()).streams.info("A");
    expect(info.cluster?.leader).toBe(leader.name);
    expect(info.cluster?.replicas?.map(({ name }) => name).sort()).toEqual(
      cluster.nodes.map(({ name }) => name).filter((name) => name !== leader.name),
    );
  });

  it("makes a stream's leader and a consumer's leader step down", async () => {
    await addStream(connection, "B");
    const manager = await connection.jetstreamManager();
    await manager.consumers.add("B", { durable_name: "c" });
    const streamLeader = await cluster.leaderOf("B");
    expect((await cluster.stepDown("B")).name).not.toBe(streamLeader.name);
    const consumerLeader = await cluster.leaderOf("B", "c");
    expect((await cluster.stepDown("B", "c")).name).not.toBe(consumerLeader.name);
    await manager.streams.add({ name: "ALONE", subjects: ["alone"], num_replicas: 1 });
    await expect(cluster.stepDown("ALONE")).rejects.toThrow(/stream ALONE has one replica/);
  });

  it("goes on without the killed leader or a paused node, and takes them back", async () => {
    await addStream(connection, "C");
    await publish(connection, "C", "1");
    const killed = await cluster.leaderOf("C");
    await killed.kill();
    expect(killed.state).toBe("stopped");
    expect((await cluster.leaderOf("C")).name).not.toBe(killed.name);
    await publish(connection, "C", "2");
    await killed.restart();
    await cluster.whenCurrent();

    const [paused] = cluster.nodes;
    paused?.pause();
    expect(paused?.state).toBe("paused");
    expect((await cluster.leaderOf("C")).name).not.toBe(paused?.name);
    paused?.resume();
    await cluster.whenCurrent();
    await publish(connection, "C", "3");
    expect((await (await connection.jetstreamManager()).streams.info("C")).state.messages).toBe(3);
  }, 120_000);
});

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
  await expect(startNatsCluster({ bin: [old] })).rejects.toThrow(/bin has 1 entries, expected one per node: 3/);
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

it("rejects with a node's log when one cannot start", async () => {
  await expect(startNatsCluster({ config: "nonsense: [" })).rejects.toThrow(
    /exited at start \(code 1\):\n.*Parse error/,
  );
});

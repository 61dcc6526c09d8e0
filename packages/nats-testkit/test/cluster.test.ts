import { connect, type NatsConnection } from "nats";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type NatsCluster, startNatsCluster } from "../src/index.ts";
import { addStream, publish } from "./replicated-stream.ts";

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

it("refuses what cannot be a cluster", async () => {
  await expect(startNatsCluster({ size: 1 })).rejects.toThrow(/size is 1, expected at least 2/);
  await expect(startNatsCluster({ bin: ["nats-server"] })).rejects.toThrow(
    /bin has 1 entries, expected one per node: 3/,
  );
  await expect(startNatsCluster({ config: ["", ""] })).rejects.toThrow(
    /config has 2 entries, expected one per node: 3/,
  );
});

it("rejects with a node's log when one cannot start", async () => {
  await expect(startNatsCluster({ config: "nonsense: [" })).rejects.toThrow(
    /exited at start \(code 1\):\n.*Parse error/,
  );
});

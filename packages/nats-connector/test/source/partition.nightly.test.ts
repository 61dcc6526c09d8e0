import { type NatsCluster, startNatsCluster } from "@x/nats-testkit";
import { connect, RetentionPolicy } from "nats";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createHost, streamSource } from "./source-host.js";
import { range } from "./stream-fixture.js";

let cluster: NatsCluster;

beforeAll(async () => {
  cluster = await startNatsCluster({ partitionable: true });
}, 120_000);

afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
});

/**
 * The client's server loses the others and nobody tells the client: it stays connected to a minority, which answers for
 * no stream. A consumer with one replica (limits) even stays alive there, with nothing new to give.
 */
test.each([RetentionPolicy.Limits, RetentionPolicy.Interest])(
  "%s: a server without its cluster is left for another one, and no message is lost or repeated",
  async (retention) => {
    const stream = `P-${retention}`;
    const table = { stream, maxBatch: 50 };
    const one = createHost(streamSource(cluster.urls.join(","), table, { moveAfterMs: 4000 }));
    const nameOf = async (): Promise<string | undefined> => (await cluster.nodeOfClient("test"))?.name;
    const setup = await connect({ servers: [...cluster.urls] });
    const manager = await setup.jetstreamManager();
    await manager.streams.add({ name: stream, subjects: [`${stream}.>`], num_replicas: 3, retention });
    await setup.close();
    await one.open();
    const running = one.run();
    const minority = await cluster.nodeOfClient("test");
    const others = cluster.urls.filter((_, i) => cluster.nodes[i] !== minority);
    const client = await connect({ servers: others, ignoreClusterUpdates: true });
    /** Until the majority has it: elections make it wait. */
    const publish = async (value: string): Promise<void> => {
      for (let stored = false; !stored; ) {
        const options = { msgID: value, timeout: 1000 };
        stored = await client
          .jetstream()
          .publish(`${stream}.a`, value, options)
          .then(
            () => true,
            () => false,
          );
      }
    };
    for (const value of range(1, 50)) await publish(value);
    await one.until(50);

    minority?.isolate({ clients: false });
    for (const value of range(51, 100)) await publish(value);
    await one.until(100, 120_000);
    const moves = one.logged.filter(({ event }) => event === "move").map(({ server }) => server);
    expect(moves.length).toBeGreaterThan(0);
    // Not to where it came from.
    expect(moves[1]).not.toBe(moves[0]);
    expect(await nameOf()).not.toBe(minority?.name);

    minority?.rejoin();
    for (const value of range(101, 150)) await publish(value);
    await one.until(150, 60_000);
    expect(one.values()).toEqual(range(1, 150));
    expect(one.counters.gaps).toBe(0);
    one.drain.abort();
    await running;
    await one.source.close();
    await client.close();
    await cluster.whenCurrent();
  },
  240_000,
);

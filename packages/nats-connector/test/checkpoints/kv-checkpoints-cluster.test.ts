import { setTimeout as sleep } from "node:timers/promises";
import { openIncarnation, silentLogger } from "@x/connector-api";
import { startNatsCluster } from "@x/nats-testkit";
import { expect, it } from "vitest";
import { obtainNatsServer } from "../../../../tooling/nats-server/obtain-nats-server.mjs";
import { observe } from "../sink/sink-fixture.ts";
import { at, bucketConfig, openStore } from "./kv-fixture.ts";

it("on three replicas: no epoch is given twice and no checkpoint goes back while leaders move and die", {
  timeout: 120_000,
}, async () => {
  await using cluster = await startNatsCluster();
  await using maker = openStore(cluster.urls, "STATE", { create: true });
  await maker.claim("p", "first");
  const epochs: number[] = [];
  const restored: number[] = [];
  let over = false;
  // Each instance claims, saves until the next one takes over, and begins again.
  const run = async (name: string): Promise<void> => {
    await using store = openStore(cluster.urls, "STATE");
    while (!over) {
      const incarnation = await openIncarnation(store, "p", silentLogger);
      epochs.push(incarnation.identity.epoch);
      let value = Number(incarnation.restored?.get("0")?.value ?? 0);
      restored.push(value);
      for (let id = 0; id < 20 && !over; id++) {
        const saved = await incarnation.save(id, new Map([["0", { v: 1, value: ++value, name }]])).then(
          () => true,
          (error: { code: string }) => {
            expect(error.code).toBe("FENCED");
            return false;
          },
        );
        if (!saved) break;
      }
    }
  };
  const rivals = ["a", "b", "c"].map(run);
  await sleep(300);
  await cluster.stepDown("KV_STATE");
  await sleep(300);
  const leader = await cluster.leaderOf("KV_STATE");
  await leader.kill();
  await cluster.leaderOf("KV_STATE");
  await leader.restart();
  await cluster.whenCurrent();
  await expect.poll(() => epochs.length).toBeGreaterThan(4);
  over = true;
  await Promise.all(rivals);
  expect(new Set(epochs).size).toBe(epochs.length);
  const last = (await maker.latest("p", () => {}))?.splits["0"];
  expect(last?.value).toBeGreaterThanOrEqual(Math.max(...restored));
});

it("refuses replicas of a server that does not compare and swap safely", { timeout: 120_000 }, async () => {
  const { path } = await obtainNatsServer({ series: "2.9" });
  await using cluster = await startNatsCluster({ bin: path });
  await using observer = await observe(cluster.urls[0] as string);
  await observer.createStream(bucketConfig("R3", { num_replicas: 3 }));
  await observer.createStream(bucketConfig("R1", { num_replicas: 1 }));
  await using unsafe = openStore(cluster.urls, "R3");
  await expect(unsafe.claim("p", "one")).rejects.toMatchObject({
    code: "CAPABILITY_MISSING",
    message: expect.stringContaining("upgrade to 2.9.21"),
  });
  await using safe = openStore(cluster.urls, "R1");
  const identity = await safe.claim("p", "one");
  for (const id of [1, 2, 3, 4]) await safe.write(at(identity, id));
  expect(await safe.list("p")).toHaveLength(3);
});

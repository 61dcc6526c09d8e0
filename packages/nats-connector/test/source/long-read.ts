import { createRandom, startFaultProxy } from "@x/nats-testkit";
import { expect } from "vitest";
import { createHost, type HostOptions, jobId, streamSource } from "./source-host.js";
import type { StreamFixture } from "./stream-fixture.js";

/**
 * Reads "1" … "count" through a proxy that is cut, and in incarnations that are killed, at places drawn from a seed.
 * What is in checkpoints must be every number once, in order.
 */
export async function readThroughFaults(fixture: StreamFixture, count: number, seed: number): Promise<void> {
  const stream = `LONG${count}`;
  await fixture.fill(stream, count);
  await using proxy = await startFaultProxy({ target: fixture.server.url });
  const random = createRandom(seed);
  const draw = (most: number): number => 1 + Math.floor(random.next() * most);
  const identity = { jobId: jobId() };
  let restored: HostOptions["restored"];
  let expected = 1;
  for (let epoch = 1; expected <= count; epoch++) {
    const one = createHost(streamSource(proxy.url, { stream, maxBatch: 500 }), {
      identity: { ...identity, epoch },
      restored,
      untilCaughtUp: true,
      capacity: 1000,
    });
    await one.open();
    if (epoch === 1) restored = await one.checkpoint(0);
    const running = one.run();
    for (let cuts = draw(4); cuts > 0; cuts--) {
      one.take(draw(count / 20));
      await Promise.race([running, one.until(one.values().length + draw(500), 60_000).catch(() => {})]);
      proxy.cut();
    }
    one.take(draw(count / 10));
    if (draw(3) === 1) {
      one.take(count);
      await running;
    }
    restored = await one.checkpoint(epoch);
    const upTo = Number(restored.get("0")?.lastSeq);
    for (const value of one.values()) {
      if (Number(value) > upTo) break;
      // One assertion per number would be most of the run.
      if (Number(value) !== expected) expect(`seed ${seed}: ${value}`).toBe(`seed ${seed}: ${expected}`);
      expected += 1;
    }
    expect(expected).toBe(upTo + 1);
    expect(one.counters.gaps).toBe(0);
    one.stop.abort();
    await running;
    await one.source.close();
  }
}

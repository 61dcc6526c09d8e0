import { fc, test } from "@fast-check/vitest";
import { describe, expect, it } from "vitest";
import { createRateLimit, type RateClock } from "../src/index.js";

/** Time that passes only while somebody sleeps. */
function manualClock(): RateClock & { ms: number } {
  const clock = {
    ms: 0,
    now: () => clock.ms,
    sleep: async (ms: number) => {
      clock.ms += ms;
    },
  };
  return clock;
}

describe("createRateLimit", () => {
  test.prop([
    fc.integer({ min: 1, max: 100_000 }),
    fc.array(fc.record({ n: fc.nat({ max: 5000 }), pauseMs: fc.nat({ max: 3000 }) }), { minLength: 1 }),
  ])(
    "lets no more through than the rate and one burst, and does not wait longer than that needs",
    async (rate, takes) => {
      const clock = manualClock();
      const limit = createRateLimit(rate, clock);
      let taken = 0;
      let paused = 0;
      for (const { n, pauseMs } of takes) {
        await limit.take(n);
        taken += n;
        expect(taken).toBeLessThanOrEqual((clock.ms * rate) / 1000 + Math.max(1, rate / 10) + 1e-6);
        clock.ms += pauseMs;
        paused += pauseMs;
      }
      expect(clock.ms).toBeLessThanOrEqual((taken * 1000) / rate + paused + takes.length);
    },
  );

  it("serves takers in order", async () => {
    const order: number[] = [];
    const limit = createRateLimit(1000);
    await Promise.all([100, 5, 5, 5].map((n, i) => limit.take(n).then(() => order.push(i))));
    expect(order).toEqual([0, 1, 2, 3]);
  });

  it("rejects when aborted, and takes nothing then", async () => {
    const limit = createRateLimit(10);
    const controller = new AbortController();
    const waiting = limit.take(1000, controller.signal);
    controller.abort();
    await expect(waiting).rejects.toMatchObject({ code: "ABORTED" });
    await expect(limit.take(1, controller.signal)).rejects.toMatchObject({ code: "ABORTED" });
    await limit.take(1);
  });

  it.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY])("refuses a rate of %s", (rate) => {
    expect(() => createRateLimit(rate)).toThrow(expect.objectContaining({ code: "OPTION_INVALID" }));
  });
});

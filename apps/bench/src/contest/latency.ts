import { setTimeout as sleep } from "node:timers/promises";
import type { Row } from "@x/connector-api";
import { connect, type NatsConnection } from "nats";
import { payload } from "../flights.js";
import { quantile } from "../quantile.js";
import { type Job, streams } from "./entrant.js";
import { startEntrant } from "./entrant-runner.js";
import type { Latency, Outcome } from "./outcome.js";
import type { BenchStreams } from "./streams.js";

export interface LatencyRace {
  readonly name: string;
  /** Messages per second. */
  readonly rate: number;
  /** How long each turn sends. */
  readonly seconds: number;
  readonly turns: number;
  readonly profileTo: string | undefined;
  readonly servers: string;
  readonly entrants: Readonly<Record<string, Omit<Job, "count">>>;
  /** `[a, b]`: how many times a message of b is on its way as long as one of a. */
  readonly ratios: readonly (readonly [a: string, b: string])[];
}

/** The time before a message counts: pipelines start, code gets compiled. */
const WARM_UP_SECONDS = 1;
const TICK_MS = 1;

/**
 * Sends messages into IN at a fixed rate and sees them come out at OUT, each with the time it was sent, by the same clock.
 * Entrants take turns; the percentiles are over all of an entrant's turns.
 */
export async function runLatencyRace(lane: string, race: LatencyRace, bench: BenchStreams): Promise<Outcome> {
  const probe = await connect({ servers: race.servers });
  const warmUp = race.rate * WARM_UP_SECONDS;
  // The first one alone: its arrival says that the entrant is up.
  const count = 1 + warmUp + race.rate * race.seconds;
  const names = Object.keys(race.entrants);
  const times = new Map<string, number[]>(names.map((name) => [name, []]));
  const running = new Map<string, Awaited<ReturnType<typeof startEntrant>>>();
  try {
    for (const [name, job] of Object.entries(race.entrants)) {
      running.set(name, await startEntrant({ ...job, count }, `${lane} ${race.name} ${name}`, race.profileTo));
    }
    for (let round = 0; round < race.turns; round++) {
      for (const name of round % 2 === 0 ? names : names.toReversed()) {
        await bench.fillInput([], 0);
        await bench.renewOutput();
        const finished = running.get(name)?.turn(round);
        times.get(name)?.push(...(await sendAndReceive(probe, race.rate, warmUp, count)));
        await finished;
        await bench.expectOutput(count, `${lane} ${race.name}: ${name}`);
      }
    }
  } finally {
    for (const entrant of running.values()) await entrant.close();
    await probe.close();
  }
  const latencies = names.map((entrant): Latency => {
    const of = times.get(entrant) ?? [];
    return { race: race.name, entrant, p50: quantile(of, 0.5), p99: quantile(of, 0.99), p999: quantile(of, 0.999) };
  });
  const p50Of = (name: string): number => latencies.find(({ entrant }) => entrant === name)?.p50 ?? Number.NaN;
  return {
    speeds: [],
    latencies,
    ratios: race.ratios.map(([a, b]) => {
      const value = p50Of(b) / p50Of(a);
      return { name: `${lane} ${race.name}: p50 of ${b} / ${a}`, value, low: value, high: value, cpu: undefined };
    }),
  };
}

/** Milliseconds on the way, of every message behind the warm-up. */
async function sendAndReceive(probe: NatsConnection, rate: number, warmUp: number, count: number): Promise<number[]> {
  const { rows } = payload("timed");
  const encoder = new TextEncoder();
  const times: number[] = [];
  let received = 0;
  let wake = (): void => {};
  const subscription = probe.subscribe(streams.output.subject, {
    callback: (_, message) => {
      const { sent } = message.json<{ sent: number }>();
      if (received++ > warmUp) times.push(now() - sent);
      if (received === 1 || received === count) wake();
    },
  });
  const send = (n: number): void => {
    const row = { ...(rows[n % rows.length] as Row), sent: now() };
    probe.publish(streams.input.subject, encoder.encode(JSON.stringify(row)));
  };
  const arrived = (): Promise<void> =>
    new Promise((resolve) => {
      wake = resolve;
    });
  await probe.flush();
  const first = arrived();
  send(0);
  await first;
  const all = arrived();
  const startedAt = performance.now();
  for (let sent = 1; sent < count; ) {
    const due = Math.min(count, 1 + Math.floor(((performance.now() - startedAt) * rate) / 1000));
    while (sent < due) send(sent++);
    await sleep(TICK_MS);
  }
  await all;
  subscription.unsubscribe();
  return times.map((micros) => micros / 1000);
}

/** Microseconds of a clock that only goes forward. */
function now(): number {
  return Math.round(performance.now() * 1000);
}

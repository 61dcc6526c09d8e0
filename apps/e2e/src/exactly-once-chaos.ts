import { setTimeout as sleep } from "node:timers/promises";
import { createRandom, planSchedule, type Random, runSchedule } from "@x/nats-testkit";
import { connect } from "nats";
import { ChaosInstances } from "./chaos-instances.js";
import type { ChaosPlace } from "./chaos-place.js";
import { createChaosStreams } from "./chaos-streams.js";
import type { RunningCli } from "./run-cli.js";
import { openWorkFolder, type WorkFolder } from "./work-folder.js";

/** A pipeline from INPUT to OUTPUT, and what its output should be. */
export interface ChaosSetup {
  /** Of the stream OUTPUT. */
  readonly output: object;
  /** Makes ready what instances share; what it returns starts one, with its state in that folder of `folder`. */
  prepare(folder: WorkFolder, url: string): (state: string) => RunningCli;
  /** The payload of an input. */
  input(n: number): Uint8Array;
  /**
   * What the input should become: one text per output. `first` is the output where the first of these should be, for
   * what only the output can say; how many they are does not depend on it.
   */
  expected(n: number, first?: string): readonly string[];
  /** An output as a text. */
  read(subject: string, payload: Uint8Array): string;
}

export interface ChaosReport {
  readonly outputs: readonly string[];
  readonly expected: readonly string[];
  /** How often each kind of disturbance was done. */
  readonly counts: Readonly<Record<string, number>>;
  /** How many instances that were replaced were fenced. */
  readonly fenced: number;
  /** Exit codes of other instances that ended by themselves. */
  readonly otherExitCodes: readonly number[];
  /** Exit code of the last instance, which was stopped in an orderly way. */
  readonly lastExitCode: number | null;
  /** What instances that ended with an error have said. */
  readonly errors: readonly string[];
  readonly violations: readonly string[];
  /** How long the parts of the run took. */
  readonly tookMs: Readonly<Record<"disturbed" | "alone" | "settled" | "read", number>>;
}

const DISTURBANCES = 8;
const DURATION_MS = 4500;
/** Every disturbance has its turn, however slow the machine is. */
const LIMIT_MS = 120_000;
const SETTLE_MS = 90_000;

/**
 * One run: inputs flow in while the schedule of the seed kills, freezes, cuts and replaces, until every instance that was
 * replaced has been fenced. Then the input ends, and the last instance writes the rest and is stopped in an orderly
 * way. Everything it does follows from the seed but its timing. Rejects when a disturbance could not be done.
 */
export async function runChaos(seed: number, setup: ChaosSetup, place: ChaosPlace): Promise<ChaosReport> {
  const nc = await connect({ servers: [...place.servers], maxReconnectAttempts: -1, reconnectTimeWait: 100 });
  const streams = createChaosStreams(nc);
  const feeding = new AbortController();
  let fed = Promise.resolve();
  try {
    await streams.create(place.replicas, setup.output);
    using folder = openWorkFolder();
    await using instances = new ChaosInstances(setup.prepare(folder, place.url));
    // With replicas a chain has one message under way, and an input of thousands in a second would wait for it.
    const most = place.replicas === 1 ? 50 : 20;
    const random = createRandom(seed);
    fed = streams.feed(setup.input, () => random.integer(1, most), feeding.signal);
    // Said where it is awaited.
    fed.catch(() => {});

    const lap = createLaps();
    const { counts } = await disturb(seed, { place, streams, instances });
    const disturbed = lap();
    await instances.whenAlone();
    const alone = lap();
    feeding.abort();
    await fed;
    const inputs = await streams.inputs();
    const count = inputs.reduce((sum, n) => sum + setup.expected(n).length, 0);
    const deadline = Date.now() + SETTLE_MS;
    while ((await streams.countOutputs()) < count && Date.now() < deadline) await sleep(50);
    const lastExitCode = await instances.stop();
    const settled = lap();
    const outputs = await streams.outputs(setup.read);
    const expected: string[] = [];
    for (const n of inputs) expected.push(...setup.expected(n, outputs[expected.length]));
    const { fenced, otherExitCodes, errors, violations } = instances;
    const tookMs = { disturbed, alone, settled, read: lap() };
    return { outputs, expected, counts, fenced, otherExitCodes, lastExitCode, errors, violations, tookMs };
  } finally {
    feeding.abort();
    await fed.finally(() => nc.close());
  }
}

interface Targets {
  readonly place: ChaosPlace;
  readonly streams: Pick<ReturnType<typeof createChaosStreams>, "stepDown">;
  readonly instances: ChaosInstances;
}

function disturb(seed: number, { place, streams, instances }: Targets) {
  const pause = (random: Random): number => random.integer(100, 700);
  const kinds = {
    killWorker: { weight: 2 },
    freezeWorker: { args: (random: Random) => random.integer(400, 1000) },
    rival: {},
    cut: { weight: 2 },
    killServer: { args: pause },
  };
  const actions = {
    killWorker: () => instances.kill(),
    freezeWorker: (ms: number) => instances.freeze(ms),
    rival: () => instances.rival(),
    cut: () => place.cut(),
    killServer: (ms: number) => place.killServer("OUTPUT", ms),
  };
  const plan = { seed, durationMs: DURATION_MS };
  const options = { limitMs: LIMIT_MS };
  if (place.replicas === 1) return runSchedule(planSchedule({ ...plan, count: DISTURBANCES, kinds }), actions, options);
  // Three nodes take seconds to agree on a new leader after a kill: rarely more than one of them in a run.
  const more = { ...kinds, killServer: { ...kinds.killServer, weight: 0.25 }, stepDown: {} };
  const schedule = planSchedule({ ...plan, count: DISTURBANCES + 1, kinds: more });
  return runSchedule(schedule, { ...actions, stepDown: () => streams.stepDown() }, options);
}

/** Milliseconds since the last call. */
function createLaps(): () => number {
  let last = performance.now();
  return () => {
    const took = performance.now() - last;
    last += took;
    return Math.round(took);
  };
}

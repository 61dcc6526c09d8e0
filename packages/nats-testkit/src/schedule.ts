import { setTimeout as sleep } from "node:timers/promises";
import { createRandom, type Random } from "./random.js";

/** A kind of disturbance: how often it comes, and what it is given. */
export interface DisturbanceKind<Args> {
  /** How often, in proportion to the other kinds. Default: 1. */
  weight?: number;
  /** Draws the arguments of one disturbance. Plain JSON, so that a plan can be printed. Default: none. */
  args?(random: Random): Args;
}

/** The kinds by name. */
export type DisturbanceKinds = Readonly<Record<string, DisturbanceKind<unknown>>>;

/** What the action of a kind is given: what `args` of the kind returns. */
export type DisturbanceArgs<Kind> = Kind extends { args(random: Random): infer Args } ? Args : undefined;

export interface Disturbance<Name extends string = string> {
  /** When it is due, after the start. */
  readonly atMs: number;
  readonly kind: Name;
  readonly args: unknown;
}

/** An ordered plan of disturbances. The same seed and options make the same plan, anywhere. */
export interface Schedule<Kinds extends DisturbanceKinds> {
  readonly seed: number;
  readonly disturbances: readonly Disturbance<Extract<keyof Kinds, string>>[];
  /** Carries the type of the kinds to `runSchedule`. */
  readonly kinds: Kinds;
}

export interface ScheduleOptions<Kinds extends DisturbanceKinds> {
  seed: number;
  /** How many disturbances; at least one of each kind is among them. */
  count: number;
  /** They are spread over this time: each comes at random within its own equal share of it. */
  durationMs: number;
  kinds: Kinds;
}

/** Throws a TypeError when `count` is too small for one disturbance of each kind. */
export function planSchedule<const Kinds extends DisturbanceKinds>(options: ScheduleOptions<Kinds>): Schedule<Kinds> {
  const { seed, count, durationMs, kinds } = options;
  const names = Object.keys(kinds) as Extract<keyof Kinds, string>[];
  if (names.length === 0 || count < names.length) {
    throw new TypeError(`count is ${count} with ${names.length} kinds, expected at least one of each kind`);
  }
  const random = createRandom(seed);
  const chosen = [...names, ...Array.from({ length: count - names.length }, () => drawKind(names, kinds, random))];
  shuffle(chosen, random);
  const disturbances = chosen.map((kind, i) => ({
    atMs: Math.floor(((i + random.next()) * durationMs) / count),
    kind,
    args: kinds[kind]?.args?.(random),
  }));
  return { seed, disturbances, kinds };
}

/** What to do for each kind. Resolves when it is over, such as a server being up again: one comes after the other. */
export type DisturbanceActions<Kinds extends DisturbanceKinds> = {
  readonly [Name in keyof Kinds]: (args: DisturbanceArgs<Kinds[Name]>) => unknown;
};

/** What was done. */
export interface ScheduleRecord<Name extends string = string> {
  readonly seed: number;
  readonly done: readonly (Disturbance<Name> & { readonly startedAtMs: number; readonly endedAtMs: number })[];
  /** How many of each kind were done, also when none was. */
  readonly counts: Readonly<Record<Name, number>>;
  /** How many were not begun, because `signal` or `limitMs` came first. */
  readonly skipped: number;
}

export interface RunScheduleOptions {
  /** Begins nothing more; an action under way is awaited. */
  signal?: AbortSignal;
  /** Begins nothing more after so long. Default: three times the plan's own time and 30 s. */
  limitMs?: number;
}

/**
 * Does one disturbance after the other, each when it is due, or at once when the one before took longer. Rejects when
 * an action does, naming the seed, which makes the plan again, and the disturbance.
 */
export async function runSchedule<Kinds extends DisturbanceKinds>(
  schedule: Schedule<Kinds>,
  actions: DisturbanceActions<Kinds>,
  options: RunScheduleOptions = {},
): Promise<ScheduleRecord<Extract<keyof Kinds, string>>> {
  type Name = Extract<keyof Kinds, string>;
  const { seed, disturbances, kinds } = schedule;
  const { signal, limitMs = 30_000 + 3 * (disturbances.at(-1)?.atMs ?? 0) } = options;
  const counts = Object.fromEntries(Object.keys(kinds).map((name) => [name, 0])) as Record<Name, number>;
  const done: (Disturbance<Name> & { startedAtMs: number; endedAtMs: number })[] = [];
  const startedAt = performance.now();
  const elapsedMs = (): number => Math.round(performance.now() - startedAt);

  for (const [i, disturbance] of disturbances.entries()) {
    const { atMs, kind, args } = disturbance;
    await sleep(Math.max(0, atMs - elapsedMs()), undefined, signal && { signal }).catch(() => undefined);
    if (signal?.aborted || elapsedMs() > limitMs) break;
    const startedAtMs = elapsedMs();
    try {
      await actions[kind](args as DisturbanceArgs<Kinds[Name]>);
    } catch (error) {
      const what = `${kind}${args === undefined ? "" : ` ${JSON.stringify(args)}`}`;
      throw new Error(`seed ${seed}: disturbance ${i + 1} of ${disturbances.length}, ${what}: ${String(error)}`, {
        cause: error,
      });
    }
    done.push({ ...disturbance, startedAtMs, endedAtMs: elapsedMs() });
    counts[kind] += 1;
  }
  return { seed, done, counts, skipped: disturbances.length - done.length };
}

function drawKind<Name extends string>(names: readonly Name[], kinds: DisturbanceKinds, random: Random): Name {
  const weights = names.map((name) => kinds[name]?.weight ?? 1);
  let left = random.next() * weights.reduce((sum, weight) => sum + weight, 0);
  for (const [i, name] of names.entries()) {
    left -= weights[i] ?? 0;
    if (left < 0) return name;
  }
  return random.pick(names);
}

/** Fisher and Yates, in place. */
function shuffle(items: unknown[], random: Random): void {
  for (let i = items.length - 1; i > 0; i--) {
    const j = random.integer(0, i);
    [items[i], items[j]] = [items[j], items[i]];
  }
}

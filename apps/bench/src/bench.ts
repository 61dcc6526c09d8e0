import { mkdirSync } from "node:fs";
import { startNatsServer } from "@x/nats-testkit";
import type { Job } from "./contest/entrant.js";
import type { Outcome } from "./contest/outcome.js";
import { type Race, runRace } from "./contest/race.js";
import { type BenchStreams, openBenchStreams } from "./contest/streams.js";

export interface BenchOptions {
  /** Few turns, small payloads only: what CI has time for. */
  readonly short: boolean;
  /** Counted turns of every race; undefined: as many as the race, or else the length of the run, asks for. */
  readonly turns: number | undefined;
  /** Folder for CPU profiles; undefined: none. */
  readonly profileTo: string | undefined;
}

/** What a lane runs its contests with. */
export interface Bench extends AsyncDisposable {
  readonly short: boolean;
  readonly servers: string;
  readonly profileTo: string | undefined;
  readonly streams: BenchStreams;
  readonly serverVersion: string;
  /** Payload sizes to race with, each with the number of messages of a turn. */
  readonly sizes: readonly { readonly size: string; readonly count: number }[];
  job(entrant: string, payload: string, format: string, count: number, more?: Partial<Job>): Job;
  race(lane: string, race: Race): Promise<Outcome>;
}

const TURNS = { short: 5, long: 7 };
const SHORT = [{ size: "100B", count: 100_000 }];
const SIZES = [
  { size: "100B", count: 100_000 },
  { size: "1KiB", count: 20_000 },
  { size: "16KiB", count: 2000 },
];

/** Starts a server of its own on 127.0.0.1 for all lanes of a run. */
export async function openBench({ short, turns, profileTo }: BenchOptions): Promise<Bench> {
  if (profileTo !== undefined) mkdirSync(profileTo, { recursive: true });
  const server = await startNatsServer();
  const streams = await openBenchStreams(server.url);
  return {
    short,
    servers: server.url,
    profileTo,
    streams,
    serverVersion: server.version,
    sizes: short ? SHORT : SIZES,
    job: (entrant, payload, format, count, more = {}) => ({
      entrant,
      payload,
      format,
      count: Math.round(count),
      servers: server.url,
      ...more,
    }),
    race(lane, race) {
      const counted = turns ?? race.turns ?? (short ? TURNS.short : TURNS.long);
      return runRace(lane, race, streams, { turns: counted, warmUp: 1, profileTo, serverPid: server.pid });
    },
    async [Symbol.asyncDispose]() {
      await streams[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

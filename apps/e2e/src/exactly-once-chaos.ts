import { setTimeout as sleep } from "node:timers/promises";
import { type NatsCluster, type NatsServer, planSchedule, runSchedule, startFaultProxy } from "@x/nats-testkit";
import { connect, type NatsConnection } from "nats";
import { type RunningCli, startCli } from "./run-cli.js";
import { openWorkFolder } from "./work-folder.js";

/** Where a run of chaos takes place. */
export type ChaosPlace =
  | { readonly kind: "server"; readonly server: NatsServer }
  | { readonly kind: "cluster"; readonly cluster: NatsCluster };

export interface ChaosSetup {
  readonly place: ChaosPlace;
  /** The SQL of the pipeline, from INPUT to OUTPUT. */
  readonly sql: string;
  /** Of the stream OUTPUT. */
  readonly output: object;
  /** What the payload of an input should become: one text per output. */
  readonly expected: (n: number) => readonly string[];
  /** An output as a text. */
  readonly read: (subject: string, payload: Uint8Array) => string;
}

export interface ChaosReport {
  readonly outputs: readonly string[];
  readonly expected: readonly string[];
  readonly counts: Readonly<Record<string, number>>;
  /** Exit codes of instances that ended by themselves. */
  readonly exitCodes: readonly (number | null)[];
  /** What instances that ended with an error have said. */
  readonly errors: readonly string[];
}

const DURATION_MS = 6000;
const SETTLE_MS = 60_000;

/**
 * One run: rows flow in while the schedule of the seed kills, freezes, cuts and replaces; then the input ends, and the
 * last instance writes the rest and is stopped in an orderly way. Everything it does follows from the seed but its timing.
 */
export async function runChaos(seed: number, setup: ChaosSetup): Promise<ChaosReport> {
  const { place, sql, output } = setup;
  const isCluster = place.kind === "cluster";
  const target = isCluster ? (place.cluster.urls[0] as string) : place.server.url;
  const servers = isCluster ? place.cluster.urls : [target];
  const replicas = isCluster ? 3 : 1;
  await using proxy = await startFaultProxy({ target });
  const nc = await connect({ servers: [...servers], maxReconnectAttempts: -1, reconnectTimeWait: 100 });
  const api = createApi(nc);
  for (const name of ["INPUT", "OUTPUT"]) await api(`STREAM.DELETE.${name}`).catch(() => {});
  const common = { storage: "file", num_replicas: replicas };
  await api("STREAM.CREATE.INPUT", { name: "INPUT", subjects: ["in.>"], ...common });
  await api("STREAM.CREATE.OUTPUT", { name: "OUTPUT", subjects: ["out.>"], ...common, ...output });

  using folder = openWorkFolder();
  const instances = new Supervisor(folder.write("job.sql", sql), folder.path, proxy.url);
  const feeding = new AbortController();
  const fed = feed(nc, feeding.signal);
  instances.start();
  const pause = (random: { integer(from: number, to: number): number }): number => random.integer(100, 700);
  const schedule = planSchedule({
    seed,
    count: isCluster ? 9 : 8,
    durationMs: DURATION_MS,
    kinds: {
      killWorker: { weight: 2 },
      freezeWorker: { args: pause },
      rival: {},
      cut: { weight: 2 },
      killServer: { args: pause },
      ...(isCluster ? { stepDown: {} } : {}),
    },
  });
  try {
    const actions = {
      killWorker: () => instances.kill(),
      freezeWorker: (ms: number) => instances.freeze(ms),
      rival: () => instances.rival(),
      cut: () => proxy.cut(),
      killServer: (ms: number) => killServer(place, ms),
      ...(isCluster ? { stepDown: async () => void (await place.cluster.stepDown("OUTPUT").catch(() => {})) } : {}),
    };
    // Every disturbance has its turn, however slow the machine is.
    const record = await runSchedule(schedule, actions as never, { limitMs: 120_000 });
    feeding.abort();
    const inputs = await fed;
    const wanted = inputs.flatMap((n) => setup.expected(n));
    await instances.settle(async () => {
      const { state } = (await api("STREAM.INFO.OUTPUT", { subjects_filter: "out.>" })) as StreamState;
      const progress = Object.entries(state.subjects ?? {}).filter(([subject]) => subject.includes("__progress"));
      return state.messages - progress.reduce((sum, [, count]) => sum + count, 0) >= wanted.length;
    });
    const outputs = await readAll(nc, "OUTPUT", setup.read);
    const { exitCodes, errors } = instances;
    return { outputs, expected: wanted, counts: record.counts, exitCodes, errors };
  } finally {
    feeding.abort();
    await instances.close();
    await nc.close();
  }
}

interface StreamState {
  readonly state: { readonly messages: number; readonly subjects?: Readonly<Record<string, number>> };
}

/** Keeps one instance of the job running, whatever happens to it. */
class Supervisor {
  readonly exitCodes: (number | null)[] = [];
  readonly errors: string[] = [];
  readonly #file: string;
  readonly #cwd: string;
  readonly #url: string;
  readonly #all = new Set<RunningCli>();
  #current: RunningCli | undefined;
  #states = 0;
  #closed = false;

  constructor(file: string, cwd: string, url: string) {
    this.#file = file;
    this.#cwd = cwd;
    this.#url = url;
  }

  /** `state` is kept from one instance to the next, but for rivals, which have their own. */
  start(state = "file:state"): void {
    const args = ["run", this.#file, "--state", state, "--checkpoint-interval", "200ms", "--log-level", "warn"];
    const instance = startCli(args, { cwd: this.#cwd, env: { NATS_URL: this.#url } });
    this.#current = instance;
    this.#all.add(instance);
    void instance.finished.then(({ exitCode, stderr }) => {
      this.#all.delete(instance);
      if (exitCode !== null) this.exitCodes.push(exitCode);
      if (exitCode !== null && exitCode !== 0) this.errors.push(stderr.trim().split("\n").at(-1) ?? "");
      // One that was taken over does not come back; any other does.
      if (!this.#closed && instance === this.#current) this.start(state);
    });
  }

  kill(): void {
    this.#current?.child.kill("SIGKILL");
  }

  /** A frozen instance wakes up to find another one in its place. */
  async freeze(ms: number): Promise<void> {
    const frozen = this.#current;
    frozen?.child.kill("SIGSTOP");
    this.rival();
    await sleep(ms + 500);
    frozen?.child.kill("SIGCONT");
  }

  /** Another instance of the same pipeline, with a state folder of its own; the one before becomes a zombie. */
  rival(): void {
    this.#states += 1;
    this.start(`file:state-${this.#states}`);
  }

  /** Waits until the condition holds, then stops the last instance in an orderly way. */
  async settle(isDone: () => Promise<boolean>): Promise<void> {
    const deadline = Date.now() + SETTLE_MS;
    while (!(await isDone().catch(() => false)) && Date.now() < deadline) await sleep(100);
    this.#closed = true;
    const last = this.#current;
    last?.child.kill("SIGINT");
    await last?.finished;
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const { child, finished } of [...this.#all]) {
      child.kill("SIGKILL");
      await finished;
    }
  }
}

async function killServer(place: ChaosPlace, downMs: number): Promise<void> {
  const server = place.kind === "server" ? place.server : await place.cluster.leaderOf("OUTPUT");
  await server.kill();
  await sleep(downMs);
  await server.restart();
}

/** Publishes 1, 2, 3 … one after the other, each until it is acknowledged; resolves to what was published, in order. */
async function feed(nc: NatsConnection, stop: AbortSignal): Promise<number[]> {
  const jetstream = nc.jetstream();
  const fed: number[] = [];
  for (let n = 1; !stop.aborted; n++) {
    for (;;) {
      try {
        await jetstream.publish("in.rows", JSON.stringify({ n }), { msgID: String(n), timeout: 1000 });
        break;
      } catch {
        await sleep(50);
      }
    }
    fed.push(n);
  }
  return fed;
}

function createApi(nc: NatsConnection): (verb: string, body?: object) => Promise<unknown> {
  return async (verb, body) => {
    for (let attempt = 1; ; attempt++) {
      try {
        const answer = await nc.request(`$JS.API.${verb}`, body && JSON.stringify(body), { timeout: 3000 });
        const value = answer.json<{ error?: { description: string } }>();
        if (value.error === undefined) return value;
        throw new Error(`${verb}: ${value.error.description}`);
      } catch (error) {
        if (attempt === 5) throw error;
        await sleep(200);
      }
    }
  };
}

async function readAll(
  nc: NatsConnection,
  stream: string,
  read: (subject: string, payload: Uint8Array) => string,
): Promise<string[]> {
  const consumer = await nc.jetstream().consumers.get(stream);
  const { num_pending } = await consumer.info();
  const found: string[] = [];
  if (num_pending === 0) return found;
  for await (const message of await consumer.consume({ max_messages: 5000 })) {
    if (!message.subject.includes("__progress")) found.push(read(message.subject, message.data));
    if (message.info.pending === 0) break;
  }
  return found;
}

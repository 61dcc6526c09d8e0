import { setTimeout as sleep } from "node:timers/promises";
import type { NatsConnection } from "nats";

/** The streams INPUT and OUTPUT of a run of chaos, for who watches: every call outlives the loss of servers. */
export interface ChaosStreams {
  /** Makes both anew. */
  create(replicas: number, output: object): Promise<void>;
  /**
   * Publishes inputs 1, 2, 3 … in bursts of that size until the signal aborts, and a few behind that. All are stored once it
   * resolves; in which order, INPUT says.
   */
  feed(payload: (n: number) => Uint8Array, size: () => number, stop: AbortSignal): Promise<void>;
  /** Numbers of the inputs that are stored, in order. */
  inputs(): Promise<number[]>;
  /** The outputs, in order, without the progress of the pipeline. */
  outputs(read: (subject: string, payload: Uint8Array) => string): Promise<string[]>;
  /** How many outputs there are. */
  countOutputs(): Promise<number>;
  stepDown(): Promise<void>;
}

const IS_PROGRESS = /\.__progress\./;
const PROGRESS = "out.__progress.>";
const PATIENCE_MS = 60_000;
/** Between two bursts. */
const BETWEEN_MS = 25;
/** Inputs behind the last disturbance. */
const AT_LAST = 10;

interface StreamInfo {
  readonly state: {
    readonly messages: number;
    readonly last_seq: number;
    readonly subjects?: Readonly<Record<string, number>>;
  };
}

export function createChaosStreams(nc: NatsConnection): ChaosStreams {
  const jetstream = nc.jetstream();
  const patiently = async <Value>(attempt: () => Promise<Value>): Promise<Value> => {
    const deadline = Date.now() + PATIENCE_MS;
    for (;;) {
      try {
        return await attempt();
      } catch (error) {
        if (Date.now() > deadline) throw error;
        await sleep(100);
      }
    }
  };
  const api = (verb: string, body?: object): Promise<unknown> =>
    patiently(async () => {
      const answer = await nc.request(`$JS.API.${verb}`, body && JSON.stringify(body), { timeout: 3000 });
      const value = answer.json<{ error?: { description: string } }>();
      if (value.error !== undefined) throw new Error(`${verb}: ${value.error.description}`);
      return value;
    });
  const publish = (payload: Uint8Array, n: number): Promise<unknown> =>
    patiently(() => jetstream.publish("in.rows", payload, { msgID: String(n), timeout: 1000 }));
  const readAll = <Value>(
    stream: string,
    read: (subject: string, payload: Uint8Array, id: string | undefined) => Value,
  ): Promise<Value[]> =>
    patiently(async () => {
      const { state } = (await api(`STREAM.INFO.${stream}`)) as StreamInfo;
      const found: Value[] = [];
      if (state.messages === 0) return found;
      const consumer = await jetstream.consumers.get(stream);
      // A replica that lags behind has nothing pending before it is at the end.
      for await (const { subject, data, seq, headers } of await consumer.consume({ max_messages: 5000 })) {
        if (!IS_PROGRESS.test(subject)) found.push(read(subject, data, headers?.get("Nats-Msg-Id")));
        if (seq >= state.last_seq) break;
      }
      return found;
    });

  return {
    async create(replicas, output) {
      const common = { storage: "file", num_replicas: replicas };
      await api("STREAM.CREATE.INPUT", { name: "INPUT", subjects: ["in.>"], ...common });
      await api("STREAM.CREATE.OUTPUT", { name: "OUTPUT", subjects: ["out.>"], ...common, ...output });
    },
    async feed(payload, size, stop) {
      let fed = 0;
      const burst = async (length: number): Promise<void> => {
        const first = fed + 1;
        fed += length;
        await Promise.all(Array.from({ length }, (_, i) => publish(payload(first + i), first + i)));
      };
      while (!stop.aborted) {
        await burst(size());
        await sleep(BETWEEN_MS);
      }
      await burst(AT_LAST);
    },
    inputs: () => readAll("INPUT", (_subject, _payload, id) => Number(id)),
    outputs: (read) => readAll("OUTPUT", read),
    async countOutputs() {
      const { state } = (await api("STREAM.INFO.OUTPUT", { subjects_filter: PROGRESS })) as StreamInfo;
      return state.messages - Object.values(state.subjects ?? {}).reduce((sum, count) => sum + count, 0);
    },
    async stepDown() {
      await api("STREAM.LEADER.STEPDOWN.OUTPUT");
    },
  };
}

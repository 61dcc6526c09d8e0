import { setTimeout as sleep } from "node:timers/promises";
import { connect, type JetStreamClient, type JetStreamManager, type NatsConnection, StorageType } from "nats";

/** How many splits INPUT has. */
export const splitCount = 4;

/** From INPUT, cut by the second token of its subjects, to OUTPUT. */
export function splitPipelineSql(delivery: string): string {
  return `CREATE TABLE input (n BIGINT NOT NULL)
WITH (connector = 'nats', servers = '{{ NATS_URL }}', type = 'source', stream = 'INPUT', format = 'json',
  partitions = ${splitCount}, 'partition.token' = 2);
CREATE TABLE output (n BIGINT NOT NULL)
WITH (connector = 'nats', servers = '{{ NATS_URL }}', type = 'sink', stream = 'OUTPUT', subject = 'out.rows',
  format = 'json', delivery = '${delivery}');
INSERT INTO output SELECT * FROM input;
`;
}

/** INPUT, OUTPUT and the bucket STATE, and what is in them. */
export class SplitStreams implements AsyncDisposable {
  readonly #nc: NatsConnection;
  readonly #js: JetStreamClient;
  readonly #manager: JetStreamManager;
  #last = 0;

  private constructor(nc: NatsConnection, manager: JetStreamManager) {
    this.#nc = nc;
    this.#js = nc.jetstream();
    this.#manager = manager;
  }

  static async open(url: string): Promise<SplitStreams> {
    const nc = await connect({ servers: url });
    const manager = await nc.jetstreamManager();
    await manager.streams.add({ name: "INPUT", subjects: ["in.*"] });
    const once = { allow_atomic: true, allow_rollup_hdrs: true };
    await manager.streams.add({ name: "OUTPUT", subjects: ["out.>"], ...once });
    const bucket = { subjects: ["$KV.STATE.>"], max_msgs_per_subject: 1, allow_rollup_hdrs: true };
    await manager.streams.add({ name: "KV_STATE", storage: StorageType.File, ...bucket });
    return new SplitStreams(nc, manager);
  }

  /** How many rows were fed. */
  get fed(): number {
    return this.#last;
  }

  /** Feeds rows `{ n }`, counted on, to the splits in turn. */
  async feed(count: number): Promise<void> {
    const from = this.#last + 1;
    this.#last += count;
    const rows = Array.from({ length: count }, (_, i) => from + i);
    await Promise.all(rows.map((n) => this.#js.publish(`in.${n % splitCount}`, JSON.stringify({ n }))));
  }

  /** Feeds without an end, a little at a time. */
  async feedUntil(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.feed(40);
      await sleep(5);
    }
  }

  /** The rows of OUTPUT, as they lie there. */
  async outputs(): Promise<readonly number[]> {
    const consumer = await this.#js.consumers.get("OUTPUT", { filterSubjects: "out.rows" });
    const { num_pending: pending } = await consumer.info(true);
    const rows: number[] = [];
    if (pending === 0) return rows;
    for await (const message of await consumer.consume({ max_messages: 5000 })) {
      rows.push(message.json<{ n: number }>().n);
      if (rows.length === pending) break;
    }
    return rows;
  }

  /** How many messages are in OUTPUT, progress included. */
  async outputCount(): Promise<number> {
    const info = await this.#manager.streams.info("OUTPUT", { subjects_filter: "out.rows" });
    return info.state.subjects?.["out.rows"] ?? 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#nc.close();
  }
}

/** What is missing of 1 … count, and what is there more than once. */
export function compareRows(rows: readonly number[], count: number): { lost: number; repeated: number } {
  const seen = new Set(rows);
  return { lost: count - seen.size, repeated: rows.length - seen.size };
}

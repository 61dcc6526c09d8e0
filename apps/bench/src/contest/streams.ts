import { setTimeout as sleep } from "node:timers/promises";
import { type ConnectionOptions, connect, createInbox, type NatsError, type StreamConfig } from "nats";
import { streams } from "./entrant.js";

/** The streams of the contests, kept by the runner over a connection of its own. */
export interface BenchStreams extends AsyncDisposable {
  /** Makes IN anew and fills it with `count` messages, the payloads over and over. */
  fillInput(payloads: readonly Uint8Array[], count: number, subjects?: readonly string[]): Promise<void>;
  /** Adds messages to IN; they are stored when it resolves. */
  feed(payloads: readonly Uint8Array[], count: number, subjects?: readonly string[]): Promise<void>;
  /** Makes IN and OUT anew, empty; they keep the newest messages only. */
  limit(messages: number): Promise<void>;
  /** Makes OUT anew. */
  renewOutput(): Promise<void>;
  /** Messages written into OUT so far, those it has let go included. */
  writtenOutput(): Promise<number>;
  /** Throws unless OUT holds exactly so many messages. */
  expectOutput(count: number, who: string): Promise<void>;
}

const IN_FLIGHT = 1000;
/** What `delivery = 'exactly_once'` needs; the client's type does not know it yet. */
const transactional = { allow_atomic: true } as Partial<StreamConfig>;
const CANNOT_CREATE_STORE = 10049;
const ATTEMPTS = 50;
const RETRY_MS = 100;

export async function openBenchStreams(servers: string, options: ConnectionOptions = {}): Promise<BenchStreams> {
  const connection = await connect({ servers, ...options });
  const manager = await connection.jetstreamManager();
  const renew = async (
    { name, captures }: { readonly name: string; readonly captures: string },
    config: Partial<StreamConfig> = {},
  ): Promise<void> => {
    await manager.streams.delete(name).catch(() => {});
    for (let attempt = 1; ; attempt++) {
      try {
        await manager.streams.add({ ...config, name, subjects: [captures] });
        return;
      } catch (error) {
        // The files of the stream before it are still being removed.
        if (attempt === ATTEMPTS || (error as NatsError).api_error?.err_code !== CANNOT_CREATE_STORE) throw error;
        await sleep(RETRY_MS);
      }
    }
  };
  const feed: BenchStreams["feed"] = async (payloads, count, subjects = [streams.input.subject]) => {
    const inbox = createInbox();
    let answered = (): void => {};
    const acks = connection.subscribe(inbox, { callback: () => answered() });
    for (let sent = 0; sent < count; ) {
      const stored = new Promise<void>((resolve) => {
        answered = resolve;
      });
      // The stream stores them in order: the last one's answer stands for all.
      for (const end = Math.min(count, sent + IN_FLIGHT); sent < end; sent++) {
        const subject = subjects[sent % subjects.length] as string;
        connection.publish(subject, payloads[sent % payloads.length], sent === end - 1 ? { reply: inbox } : {});
      }
      await stored;
    }
    acks.unsubscribe();
  };
  return {
    async fillInput(payloads, count, subjects) {
      await renew(streams.input);
      await feed(payloads, count, subjects);
      const { messages } = (await manager.streams.info(streams.input.name)).state;
      if (messages !== count) throw new Error(`filling: ${messages} messages are in IN, not ${count}`);
    },
    feed,
    async limit(messages) {
      const config = { max_msgs: messages };
      await renew(streams.input, config);
      await renew(streams.output, config);
    },
    writtenOutput: async () => (await manager.streams.info(streams.output.name)).state.last_seq,
    renewOutput: () => renew(streams.output, transactional),
    async expectOutput(count, who) {
      const { name, subject } = streams.output;
      const { state } = await manager.streams.info(name, { subjects_filter: subject });
      // The records of progress, too, are in the stream.
      const stored = state.subjects?.[subject] ?? 0;
      if (stored !== count) throw new Error(`${who}: ${stored} messages are in ${name}, not ${count}`);
    },
    [Symbol.asyncDispose]: () => connection.close(),
  };
}

import { setTimeout as sleep } from "node:timers/promises";
import { type ConnectionOptions, connect, createInbox, type NatsError, type StreamConfig } from "nats";
import { streams } from "./entrant.js";

/** The streams of the contests, kept by the runner over a connection of its own. */
export interface BenchStreams extends AsyncDisposable {
  /** Makes IN anew and fills it with `count` messages, the payloads over and over. */
  fillInput(payloads: readonly Uint8Array[], count: number): Promise<void>;
  /** Adds messages to IN, each acknowledged. */
  feed(payloads: readonly Uint8Array[], count: number): Promise<void>;
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
const CANNOT_CREATE_STORE = 10049;
const ATTEMPTS = 50;
const RETRY_MS = 100;

export async function openBenchStreams(servers: string, options: ConnectionOptions = {}): Promise<BenchStreams> {
  const connection = await connect({ servers, ...options });
  const manager = await connection.jetstreamManager();
  const renew = async (
    { name, subject }: { readonly name: string; readonly subject: string },
    config: Partial<StreamConfig> = {},
  ): Promise<void> => {
    await manager.streams.delete(name).catch(() => {});
    for (let attempt = 1; ; attempt++) {
      try {
        await manager.streams.add({ ...config, name, subjects: [subject] });
        return;
      } catch (error) {
        // The files of the stream before it are still being removed.
        if (attempt === ATTEMPTS || (error as NatsError).api_error?.err_code !== CANNOT_CREATE_STORE) throw error;
        await sleep(RETRY_MS);
      }
    }
  };
  const countOf = async (name: string): Promise<number> => (await manager.streams.info(name)).state.messages;
  const expect = async (name: string, count: number, who: string): Promise<void> => {
    const stored = await countOf(name);
    if (stored !== count) throw new Error(`${who}: ${stored} messages are in ${name}, not ${count}`);
  };
  const feed = async (payloads: readonly Uint8Array[], count: number): Promise<void> => {
    const inbox = createInbox();
    let answered = (): void => {};
    let missing = 0;
    const acks = connection.subscribe(inbox, {
      callback: () => {
        if (--missing === 0) answered();
      },
    });
    for (let sent = 0; sent < count; ) {
      missing = Math.min(IN_FLIGHT, count - sent);
      const all = new Promise<void>((resolve) => {
        answered = resolve;
      });
      for (const end = sent + missing; sent < end; sent++) {
        connection.publish(streams.input.subject, payloads[sent % payloads.length], { reply: inbox });
      }
      await all;
    }
    acks.unsubscribe();
  };
  return {
    async fillInput(payloads, count) {
      await renew(streams.input);
      await feed(payloads, count);
      await expect(streams.input.name, count, "filling");
    },
    feed,
    async limit(messages) {
      const config = { max_msgs: messages };
      await renew(streams.input, config);
      await renew(streams.output, config);
    },
    writtenOutput: async () => (await manager.streams.info(streams.output.name)).state.last_seq,
    renewOutput: () => renew(streams.output),
    expectOutput: (count, who) => expect(streams.output.name, count, who),
    [Symbol.asyncDispose]: () => connection.close(),
  };
}

import type { Row } from "@x/connector-api";
import { type OpenEntrant, streams } from "../contest/entrant.js";
import { payload } from "../flights.js";
import { bareCodec } from "./codec.js";
import { createConsumers, type OpenSession } from "./session.js";

/** What somebody writes who knows the client: big batches, many publishes under way, an id on each, an ack behind each, a format by its bare library. */

const MAX_MESSAGES = 5000;
const WINDOW = 1000;

export const skilledSource =
  (openSession: OpenSession): OpenEntrant =>
  async ({ servers, count }) => {
    const session = await openSession(servers);
    const consumerOf = createConsumers(session, streams.input.name);
    return {
      async prepare(turn) {
        const consumer = await consumerOf(turn);
        return async () => {
          let seen = 0;
          const messages = await consumer.consume({ max_messages: MAX_MESSAGES });
          for await (const message of messages) {
            message.json<Row>();
            message.ack();
            if (++seen === count) break;
          }
        };
      },
      close: () => session.close(),
    };
  };

export const skilledSink =
  (openSession: OpenSession): OpenEntrant =>
  async ({ servers, count, payload: name }) => {
    const session = await openSession(servers);
    const { rows } = payload(name);
    const encoder = new TextEncoder();
    return {
      prepare: async (turn) => async () => {
        const window = createWindow();
        for (let i = 0; i < count; i++) {
          const data = encoder.encode(JSON.stringify(rows[i % rows.length]));
          const half = window.add(session.js.publish(streams.output.subject, data, { msgID: `${turn}-${i}` }));
          if (half !== undefined) await half;
        }
        await window.drain();
      },
      close: () => session.close(),
    };
  };

export const skilledPipeline =
  (openSession: OpenSession): OpenEntrant =>
  async ({ servers, count, format, payload: name }) => {
    const session = await openSession(servers);
    const consumerOf = createConsumers(session, streams.input.name);
    const codec = bareCodec(format, name);
    return {
      async prepare(turn) {
        const consumer = await consumerOf(turn);
        return async () => {
          const window = createWindow();
          let seen = 0;
          const messages = await consumer.consume({ max_messages: MAX_MESSAGES });
          for await (const message of messages) {
            const data = codec.encode(codec.decode(message.data));
            const published = session.js.publish(streams.output.subject, data, { msgID: `${turn}-${message.seq}` });
            const half = window.add(published.then(() => message.ack()));
            if (half !== undefined) await half;
            if (++seen === count) break;
          }
          await window.drain();
        };
      },
      close: () => session.close(),
    };
  };

/**
 * Up to `WINDOW` promises under way, in two halves: when one is full, it waits for the other. Faster than waiting for the
 * oldest one each time, and than letting the window run empty.
 */
function createWindow() {
  let older: Promise<unknown>[] = [];
  let newer: Promise<unknown>[] = [];
  return {
    add(promise: Promise<unknown>): Promise<unknown> | undefined {
      newer.push(promise);
      if (newer.length < WINDOW / 2) return undefined;
      const half = older;
      older = newer;
      newer = [];
      return Promise.all(half);
    },
    drain: () => Promise.all([...older, ...newer]),
  };
}

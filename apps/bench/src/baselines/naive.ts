import type { Row } from "@x/connector-api";
import { type OpenEntrant, streams } from "../contest/entrant.js";
import { payload } from "../flights.js";
import { createConsumers, type OpenSession } from "./session.js";

/** What the first page of a tutorial gives: one message at a time, each call awaited. */

export const naiveSource =
  (openSession: OpenSession): OpenEntrant =>
  async ({ servers, count }) => {
    const session = await openSession(servers);
    const consumerOf = createConsumers(session, streams.input.name);
    return {
      async prepare(turn) {
        const consumer = await consumerOf(turn);
        return async () => {
          for (let seen = 0; seen < count; seen++) {
            const message = await consumer.next();
            if (message === null) throw new Error("the stream ended early");
            message.json<Row>();
            message.ack();
          }
        };
      },
      close: () => session.close(),
    };
  };

export const naiveSink =
  (openSession: OpenSession): OpenEntrant =>
  async ({ servers, count, payload: name }) => {
    const session = await openSession(servers);
    const { rows } = payload(name);
    const encoder = new TextEncoder();
    return {
      prepare: async () => async () => {
        for (let i = 0; i < count; i++) {
          await session.js.publish(streams.output.subject, encoder.encode(JSON.stringify(rows[i % rows.length])));
        }
      },
      close: () => session.close(),
    };
  };

export const naivePipeline =
  (openSession: OpenSession): OpenEntrant =>
  async ({ servers, count }) => {
    const session = await openSession(servers);
    const consumerOf = createConsumers(session, streams.input.name);
    const encoder = new TextEncoder();
    return {
      async prepare(turn) {
        const consumer = await consumerOf(turn);
        return async () => {
          let seen = 0;
          for await (const message of await consumer.consume()) {
            await session.js.publish(streams.output.subject, encoder.encode(JSON.stringify(message.json<Row>())));
            message.ack();
            if (++seen === count) break;
          }
        };
      },
      close: () => session.close(),
    };
  };

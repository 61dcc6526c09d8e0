import { randomUUID } from "node:crypto";
import { AckPolicy, connect, createInbox, type Msg, type MsgHdrs, type NatsConnection } from "nats";
import { type OpenEntrant, streams } from "../contest/entrant.js";
import { encodeRows } from "../encoded.js";
import { payload, rowsOf } from "../flights.js";

/**
 * The protocol and nothing else, on the same client: pulls and publishes as the connector's, with the same bytes and
 * headers, but nothing decoded, checked, ordered or kept for a retry. What is above this floor is the connector's own cost.
 */

const BATCH = 1000;
const WINDOW = 4096;
const INBOX_LENGTH = "_INBOX._0123456789abcdef".length;

export const floorSource: OpenEntrant = async ({ servers, count }) => {
  const connection = await connect({ servers });
  return {
    async prepare() {
      const pull = await openPull(connection);
      return async () => {
        let seen = 0;
        await pull(count, () => {
          seen++;
        });
        if (seen !== count) throw new Error("messages are missing");
      };
    },
    close: () => connection.close(),
  };
};

export const floorSink: OpenEntrant = async (job) => {
  const { servers, count, payload: name, format, messageId } = job;
  const connection = await connect({ servers });
  const payloads = await encodeRows(format, payload(name), messageId === true ? rowsOf(job) : undefined);
  const headers = messageId === true ? payloads.map((_, id) => headerBlock(`Nats-Msg-Id: ${id}\r\n`)) : [];
  return {
    prepare: async () => async () => {
      const publish = openPublish(connection);
      for (let i = 0; i < count; i++) {
        if (publish.inFlight >= WINDOW) await publish.room();
        publish.send(payloads[i % payloads.length] as Uint8Array, headers[i]);
      }
      await publish.drained();
    },
    close: () => connection.close(),
  };
};

export const floorPipeline: OpenEntrant = async ({ servers, count }) => {
  const connection = await connect({ servers });
  return {
    async prepare() {
      const pull = await openPull(connection);
      return async () => {
        const publish = openPublish(connection);
        await pull(
          count,
          (message) => publish.send(message.data),
          () => (publish.inFlight < WINDOW ? undefined : publish.room()),
        );
        await publish.drained();
      };
    },
    close: () => connection.close(),
  };
};

/** A fresh consumer without acks; the function reads so many messages from it, two pulls at a time. */
async function openPull(connection: NatsConnection) {
  const { name: stream } = streams.input;
  const name = `floor-${randomUUID()}`;
  const manager = await connection.jetstreamManager();
  await manager.consumers.add(stream, {
    name,
    ack_policy: AckPolicy.None,
    mem_storage: true,
    inactive_threshold: 60e9,
  });
  const inbox = createInbox();
  const subject = `$JS.API.CONSUMER.MSG.NEXT.${stream}.${name}`;
  const request = Buffer.from(JSON.stringify({ batch: BATCH, expires: 30e9, idle_heartbeat: 2e9 }));
  return (
    count: number,
    take: (message: Msg) => void,
    backpressure: () => Promise<void> | undefined = () => undefined,
  ): Promise<void> =>
    new Promise((resolve) => {
      let seen = 0;
      let outstanding = 0;
      const ask = (): void => {
        for (; outstanding <= BATCH; outstanding += BATCH) connection.publish(subject, request, { reply: inbox });
      };
      const subscription = connection.subscribe(inbox, {
        callback: (_, message) => {
          if (message.reply === undefined || message.reply === "") return;
          outstanding--;
          take(message);
          if (++seen === count) {
            subscription.unsubscribe();
            resolve();
          } else if (outstanding === BATCH) {
            const room = backpressure();
            if (room === undefined) ask();
            else void room.then(ask);
          }
        },
      });
      ask();
    });
}

/** The header that the connector sends, with lines behind it. */
function headerBlock(lines = ""): Uint8Array {
  return Buffer.from(`NATS/1.0\r\nNats-Expected-Stream: ${streams.output.name}\r\n${lines}\r\n`);
}

/** Pipelined publishes into OUT: every answer ends the oldest message. */
function openPublish(connection: NatsConnection) {
  // As long as the connector's, which the server and the client read with every message.
  const inbox = createInbox().slice(0, INBOX_LENGTH);
  const usual = headerBlock();
  let bytes = usual;
  const headers = { encode: () => bytes } as unknown as MsgHdrs;
  const options = { reply: "", headers };
  let sent = 0;
  let answered = 0;
  let roomy = (): void => {};
  let drained = (): void => {};
  const subscription = connection.subscribe(`${inbox}.*`, {
    callback: () => {
      answered++;
      if (sent - answered <= WINDOW / 2) roomy();
      if (sent === answered) drained();
    },
  });
  return {
    get inFlight() {
      return sent - answered;
    },
    send(data: Uint8Array, block: Uint8Array = usual): void {
      bytes = block;
      options.reply = `${inbox}.${sent++}`;
      connection.publish(streams.output.subject, data, options);
    },
    room: () =>
      new Promise<void>((resolve) => {
        roomy = resolve;
      }),
    async drained() {
      if (sent !== answered) {
        await new Promise<void>((resolve) => {
          drained = resolve;
        });
      }
      subscription.unsubscribe();
    },
  };
}

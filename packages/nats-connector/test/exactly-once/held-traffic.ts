import { once } from "node:events";
import { connect } from "node:net";
import type { FaultProxy, NatsFrame, NatsServer } from "@x/nats-testkit";
import { headers } from "nats";
import type { Observer } from "../sink/sink-fixture.ts";

/** Messages that were sent and have not arrived. */
export interface HeldTraffic extends Disposable {
  readonly frames: readonly NatsFrame[];
  /** Resolves when there is something. */
  readonly begun: Promise<void>;
}

/** Takes the messages of a kind out of the traffic to the server, from the `from`th on, and at most so many. */
export function hold(
  proxy: FaultProxy,
  kind: (frame: NatsFrame) => boolean,
  { from = 1, most = Number.POSITIVE_INFINITY }: { readonly from?: number; readonly most?: number } = {},
): HeldTraffic {
  const frames: NatsFrame[] = [];
  let seen = 0;
  let begin = (): void => {};
  const begun = new Promise<void>((resolve) => {
    begin = resolve;
  });
  const interception = proxy.intercept("toTarget", (frame) => {
    if (!kind(frame) || ++seen < from || frames.length >= most) return "pass";
    frames.push(frame);
    begin();
    return "drop";
  });
  return { frames, begun, [Symbol.dispose]: () => interception[Symbol.dispose]() };
}

/**
 * Lets messages arrive, in order, as over an old connection that the server still reads. Resolves when the stream `OUT`
 * has stored or refused all of them.
 */
export async function arrive(server: NatsServer, observer: Observer, frames: readonly NatsFrame[]): Promise<void> {
  const socket = connect(Number(new URL(server.url).port), "127.0.0.1");
  socket.write('CONNECT {"verbose":false,"headers":true,"no_responders":true}\r\n');
  for (const { subject, reply, headers: block, payload } of frames) {
    const head = Buffer.from(block);
    const line = `HPUB ${subject} ${reply} ${head.length} ${head.length + payload.length}\r\n`;
    socket.write(Buffer.concat([Buffer.from(line), head, payload, Buffer.from("\r\n")]));
  }
  socket.write("PING\r\n");
  for (let text = ""; !text.includes("PONG\r\n"); ) text += String((await once(socket, "data"))[0]);
  socket.destroy();
  // The stream takes what comes in turn: behind its refusal of this one it has looked at everything before.
  const refused = headers();
  refused.set("Nats-Expected-Stream", "ANOTHER");
  await observer.client.request("out.rows", "", { timeout: 5000, headers: refused });
}

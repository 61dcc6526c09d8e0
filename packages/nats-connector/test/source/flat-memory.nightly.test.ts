import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { defineSchema, memoryCheckpoints } from "@x/connector-api";
import { createInbox, type NatsConnection } from "nats";
import { expect, test } from "vitest";
import { openSource } from "../../src/direct.js";
import { withStreams } from "./stream-fixture.js";

const fixture = withStreams();
const COUNT = 5_000_000;
/** The first look is behind everything that is made once: the shapes of the code, the buffers of the connection. */
const FIRST_LOOK = 500_000;
const LOOKS = 10;
const WINDOW = 5_000;
/** What a collection leaves differs by what happens to be under way; one byte per message would be more than this. */
const SLACK = 4 * 1024 * 1024;

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

test("five million messages: what is held after a garbage collection stays the same", async () => {
  await fixture.fill("FLAT", 0, { max_msgs: -1 });
  await publishNumbers(fixture.client, "FLAT.a", COUNT);
  const options = { servers: fixture.server.url, stream: "FLAT", name: "flat", format: "json" } as const;
  const schema = defineSchema({ n: "BIGINT NOT NULL" });
  await using source = await openSource({ ...options, schema, checkpoints: memoryCheckpoints(), untilCaughtUp: true });
  const held: number[] = [];
  let expected = 1;
  for await (const batch of source.batches()) {
    for (const { n } of batch.rows) if (n !== expected++) throw new Error(`${n} instead of ${expected - 1}`);
    await batch.commit();
    if (expected > FIRST_LOOK + (held.length * (COUNT - FIRST_LOOK)) / LOOKS) held.push(heldBytes());
  }
  expect(expected).toBe(COUNT + 1);
  expect(held.length).toBeGreaterThanOrEqual(LOOKS);
  const first = held[0] ?? 0;
  expect(Math.max(...held) - first, `held: ${held.join(", ")}`).toBeLessThan(SLACK);
}, 1_200_000);

/** Buffers are outside of the heap, and are freed by the collection after the one that finds them unused. */
function heldBytes(): number {
  collectGarbage();
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** `{"n":1}` and so on, each acknowledged. */
async function publishNumbers(client: NatsConnection, subject: string, count: number): Promise<void> {
  const reply = createInbox();
  let acknowledged = 0;
  let wake = (): void => {};
  const acks = client.subscribe(reply, {
    callback: () => {
      acknowledged += 1;
      if (acknowledged % WINDOW === 0) wake();
    },
  });
  for (let from = 1; from <= count; from += WINDOW) {
    const stored = new Promise<void>((resolve) => {
      wake = resolve;
    });
    for (let n = from; n < from + WINDOW; n++) client.publish(subject, Buffer.from(`{"n":${n}}`), { reply });
    await stored;
  }
  acks.unsubscribe();
}

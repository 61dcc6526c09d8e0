import type { RecordBatch, Row } from "@x/connector-api";
import type { FaultProxy, NatsFrame } from "@x/nats-testkit";
import type { JsMsg } from "nats";
import { expect } from "vitest";
import type { Observer } from "../sink/sink-fixture.ts";
import { inputs, type Worker } from "./exactly-once-fixture.ts";

/** What a transform that never gives the same rows twice makes of inputs: each row says which call it is of. */
export function drawn(
  from: number,
  to: number,
  rowsOf: (input: number) => number,
  call: string,
  more: Row = {},
): RecordBatch {
  const batch = inputs(from, to, rowsOf);
  return { ...batch, rows: batch.rows.map((row) => ({ ...row, note: `${row.note}@${call}`, ...more })) };
}

/** Which call each input's outputs are of; they must be whole, in order, once, and of one call. */
export function callsOf(
  notes: readonly string[],
  to: number,
  rowsOf: (input: number) => number,
): (string | undefined)[] {
  const calls: (string | undefined)[] = [];
  let at = 0;
  for (let input = 1; input <= to; input++) {
    const count = rowsOf(input);
    const call = notes[at]?.split("@")[1];
    expect(notes.slice(at, at + count)).toEqual(Array.from({ length: count }, (_, i) => `${input}.${i}@${call}`));
    calls.push(count === 0 ? undefined : call);
    at += count;
  }
  expect(notes.length).toBe(at);
  return calls;
}

/** Where the next worker goes on. */
export const nextOf = ({ committed }: Worker): number => Number.parseInt(String(committed?.get("0") ?? "0"), 10) + 1;

export const isPublish = ({ op, subject }: NatsFrame): boolean => op.endsWith("PUB") && subject.startsWith("out.");
export const isProgress = (frame: NatsFrame): boolean => isPublish(frame) && frame.subject.includes("__progress");

/** A message of a stage. */
export const isStaging = (frame: NatsFrame): boolean => isProgress(frame) && frame.payload.includes(10);
/** The progress that a part of a staged input brings, but for the last part. */
export const isPart = (frame: NatsFrame): boolean =>
  isProgress(frame) && !frame.payload.includes(10) && /"shown":[1-9]/.test(frame.payload.toString());

/** Sequences of the messages of stages that are in the stream. */
export async function stagingOf(observer: Observer): Promise<number[]> {
  const all = await read(observer);
  return all.filter(({ subject, data }) => subject.includes("__progress") && data.includes(10)).map(({ seq }) => seq);
}

/** Every output as it was stored, but for what the mode has added. */
export async function stored(observer: Observer): Promise<object[]> {
  const all = await read(observer);
  return all
    .filter(({ subject }) => !subject.includes("__progress"))
    .map(({ subject, data, headers }) => {
      const own = headers?.keys().filter((name) => !/^(Nats-|X-Progress)/.test(name)) ?? [];
      return {
        subject,
        payload: Buffer.from(data).toString("hex"),
        headers: own.map((name) => [name, headers?.values(name)]),
      };
    });
}

async function read(observer: Observer): Promise<JsMsg[]> {
  const consumer = await observer.client.jetstream().consumers.get("OUT");
  const found: JsMsg[] = [];
  if ((await consumer.info()).num_pending === 0) return found;
  for await (const message of await consumer.consume({ max_messages: 5000 })) {
    found.push(message);
    if (message.info.pending === 0) break;
  }
  return found;
}

export interface Kill extends Disposable {
  /** Resolves when it was done, and what was sent before has gone to the server. */
  readonly done: Promise<void>;
}

/** Ends a process, as far as the server can tell, just before it sends the `n`th message of a kind from now on. */
export function killBefore(proxy: FaultProxy, n: number, kind: (frame: NatsFrame) => boolean): Kill {
  let seen = 0;
  let cut = (): void => {};
  const isCut = new Promise<void>((resolve) => {
    cut = resolve;
  });
  const interception = proxy.intercept("toTarget", (frame) => {
    if (seen < n && kind(frame)) seen += 1;
    if (seen < n) return "pass";
    cut();
    // Nothing of it ever arrives any more.
    return "cut";
  });
  return { done: isCut.then(() => broken(proxy)), [Symbol.dispose]: () => interception[Symbol.dispose]() };
}

/** A connection of now is closed. */
async function broken({ counters }: FaultProxy): Promise<void> {
  const { open, accepted } = counters;
  await expect.poll(() => counters.open < open || counters.accepted > accepted, { timeout: 10_000 }).toBe(true);
}

/** Lets it write until it is killed, or has written everything. True when it was killed. */
export async function runUntilKilled(worker: Worker, batch: RecordBatch, kill: Kill): Promise<boolean> {
  const written = worker.write(batch).then(() => worker.flush());
  const killed = await Promise.race([kill.done.then(() => true), written.then(() => false)]);
  written.catch(() => {});
  await worker.sink.close();
  return killed;
}

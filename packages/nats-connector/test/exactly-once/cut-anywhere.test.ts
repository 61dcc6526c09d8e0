import { type NatsServer, type ProxyDirection, startFaultProxy, startNatsServer } from "@x/nats-testkit";
import { expect, it } from "vitest";
import { obtainNatsServer } from "../../../../tooling/nats-server/obtain-nats-server.mjs";
import { type Observer, observe } from "../sink/sink-fixture.ts";
import { expected, inputs, notes, openWorker, type WorkerOptions } from "./exactly-once-fixture.ts";
import { nextOf } from "./staging-fixture.ts";

interface Mode {
  readonly stream: object;
  readonly options: WorkerOptions;
  readonly series?: string;
}

const INPUTS = 6;
const rowsOf = (input: number): number => (input === 3 ? 4 : 1);
/** How many places a connection is cut at in each direction. */
const CUTS = 20;
const chain: Mode = { stream: { allow_rollup_hdrs: true }, options: { soleWriter: true } };
const modes: Record<string, Mode> = {
  atomic: { stream: { allow_rollup_hdrs: true, allow_atomic: true }, options: {} },
  chain,
  "chain on 2.10": { ...chain, series: "2.10" },
  "chain, staged": { ...chain, options: { ...chain.options, deterministic: false } },
  "fenced-msgid": { stream: {}, options: { soleWriter: false } },
};

it.concurrent.each(Object.entries(modes))(
  "%s opens and writes exactly once wherever the connection breaks",
  async (_name, mode) => {
    const { series } = mode;
    const bin = series === undefined ? {} : { bin: (await obtainNatsServer({ series })).path };
    await using server = await startNatsServer(bin);
    const observer = await observe(server.url);
    const cutAll = async (direction: ProxyDirection): Promise<void> => {
      const whole = await run(mode, server, observer, direction, Number.MAX_SAFE_INTEGER);
      const cuts = Array.from({ length: CUTS }, (_, i) => Math.ceil((whole * (i + 1)) / (CUTS + 1)));
      await Promise.all(cuts.map((cut) => run(mode, server, observer, direction, cut)));
    };
    await Promise.all([cutAll("toTarget"), cutAll("fromTarget")]);
    await observer.client.close();
  },
  120_000,
);

/** From the first byte to the last, into a stream of its own; the connection breaks behind so many. How many there were. */
async function run(
  { stream, options }: Mode,
  server: NatsServer,
  observer: Observer,
  direction: ProxyDirection,
  cutAfter: number,
): Promise<number> {
  await using proxy = await startFaultProxy({ target: server.url });
  void proxy.cutAfter(cutAfter, direction);
  const place = `${direction}-${cutAfter}`;
  await observer.createStream({ name: place, subjects: [`${place}.>`], ...stream });
  // A request whose answer is lost takes seconds.
  const patient = { ...options, connectTimeoutMs: 30_000 };
  const worker = await openWorker(proxy.url, { ...patient, stream: place, subject: `${place}.rows` });
  const next = nextOf(worker);
  await worker.write(inputs(next, INPUTS, rowsOf));
  await worker.flush(true);
  await worker.sink.close();
  expect(await notes(observer, place), `cut after ${cutAfter} bytes`).toEqual(expected(INPUTS, rowsOf));
  const { bytesToTarget, bytesFromTarget } = proxy.counters;
  return direction === "toTarget" ? bytesToTarget : bytesFromTarget;
}

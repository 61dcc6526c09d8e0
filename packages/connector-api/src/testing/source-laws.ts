import { expect } from "vitest";
import type { SourceCapabilities } from "../connector.js";
import { isConnectorError } from "../errors.js";
import type { SourceOperator } from "../operator.js";
import type { ReplayRange } from "../pipeline-plan.js";
import type { SourceEnvironment } from "./connector-fixture.js";
import { eventually, within } from "./eventually.js";
import type { HostedSource, SourceStart } from "./operator-host.js";
import { suiteRows } from "./suite-rows.js";
import type { Offer, RunTest, TableTools } from "./table-tools.js";

/** What a law is given: an outside of its own, and sources that read it. */
export interface SourceBench {
  readonly environment: SourceEnvironment;
  readonly capabilities: SourceCapabilities;
  /** A source that nobody has opened. `options` are added to the environment's. Closed when the law is over. */
  create(options?: object): SourceOperator;
  /** A source under way. Stopped and closed when the law is over. */
  start(start?: SourceStart & { readonly options?: object }): Promise<HostedSource>;
  /** Ends a source as a crash does: stopped at once and closed, nothing more asked. */
  abandon(source: HostedSource): Promise<void>;
  /** `Connector.test` of the table. */
  readonly test: RunTest;
  /** What else the connector does with the table. */
  tools(options?: object): TableTools;
  /** `Connector.makeReplay` of the table under way. Stopped and closed when the law is over. */
  startReplay(range: ReplayRange): Promise<HostedSource>;
}

export interface SourceLaw {
  readonly name: string;
  /** Whose law it is; everybody's when absent. */
  readonly appliesTo?: Partial<SourceCapabilities> &
    Partial<Readonly<Record<Offer, boolean>>> & { readonly format?: boolean; readonly tests?: boolean };
  check(bench: SourceBench): Promise<void>;
}

const arrived = (source: HostedSource, rows: number): Promise<void> =>
  eventually(`${rows} rows arrived`, () => source.rows().length >= rows);

/** The laws of a {@link SourceOperator}. */
export const sourceLaws: readonly SourceLaw[] = [
  {
    name: "hands on every input in order, nothing lost on the way",
    async check({ environment, start }) {
      const source = await start();
      await environment.append(suiteRows(1, 150));
      await arrived(source, 150);
      await environment.append(suiteRows(151, 200));
      await arrived(source, 200);
      expect(source.rows()).toEqual(suiteRows(1, 200));
      expect(source.counters).toMatchObject({ rowsIn: 200, badRows: 0, droppedRows: 0, gaps: 0 });
    },
  },
  {
    name: "gives each row a position, and each batch the position behind it",
    async check({ environment, start }) {
      const source = await start();
      await environment.append(suiteRows(1, 120));
      await arrived(source, 120);
      for (const { rows, positions, end } of source.batches) {
        expect(positions.length).toBe(rows.length);
        expect(positions.at(-1) ?? end).toEqual(end);
      }
      for (const state of source.snapshot(1).values()) expect(state.v).toBeGreaterThan(0);
    },
  },
  {
    name: "drains: hands on what it has collected and ends as graceful",
    async check({ environment, start }) {
      const source = await start({ busy: true });
      await environment.append(suiteRows(1, 80));
      await arrived(source, 50);
      source.drain();
      expect(await within("draining", source.finished)).toBe("graceful");
      expect(source.flushCollector(), "rows left in the collector").toBe(0);
      expect(source.rows()).toEqual(suiteRows(1, source.rows().length));
    },
  },
  {
    name: "stops at once, also while it waits for input",
    async check({ start }) {
      const source = await start();
      source.stop();
      expect(await within("stopping", source.finished, 5000)).toBe("immediate");
    },
  },
  {
    name: "stops at once, also while downstream is full",
    async check({ environment, start }) {
      const source = await start({ capacity: 10 });
      await environment.append(suiteRows(1, 100));
      await arrived(source, 10);
      source.stop();
      expect(await within("stopping", source.finished, 5000)).toBe("immediate");
    },
  },
  {
    name: "asks for no more while downstream is full, and goes on when there is room",
    async check({ environment, start }) {
      const total = 4000;
      const source = await start({ capacity: 20 });
      await environment.append(suiteRows(1, total));
      await arrived(source, 20);
      await new Promise((resolve) => setTimeout(resolve, 200));
      expect(source.rows().length, "rows handed on while there was room for 20").toBeLessThanOrEqual(total / 2);
      source.take(total);
      await arrived(source, total);
      expect(source.rows()).toEqual(suiteRows(1, total));
    },
  },
  {
    name: "can be closed before it was opened, while it runs, and twice",
    async check({ create, start, abandon }) {
      const unopened = create();
      await unopened.close();
      await unopened.close();
      await abandon(await start());
    },
  },
  {
    name: "refuses to catch up with an input that has no end",
    appliesTo: { replays: false },
    async check({ start }) {
      const error: unknown = await start({ untilCaughtUp: true }).catch((error: unknown) => error);
      expect(isConnectorError(error) && error.exitCode).toBe(2);
    },
  },
  {
    name: "reads what was there before, and ends as final once it has caught up",
    appliesTo: { replays: true },
    async check({ environment, start }) {
      await environment.append(suiteRows(1, 170));
      const source = await start({ untilCaughtUp: true });
      expect(await within("catching up", source.finished)).toBe("final");
      expect(source.rows()).toEqual(suiteRows(1, 170));
    },
  },
  {
    name: "ends as final when there is nothing to read, and when all of it was read before",
    appliesTo: { replays: true },
    async check({ environment, start }) {
      const empty = await start({ untilCaughtUp: true });
      expect(await within("an empty input", empty.finished)).toBe("final");
      await environment.append(suiteRows(1, 5));
      const source = await start({ untilCaughtUp: true, restored: empty.snapshot(1) });
      expect(await within("catching up", source.finished)).toBe("final");
      const again = await start({ untilCaughtUp: true, restored: source.snapshot(1) });
      expect(await within("nothing new", again.finished)).toBe("final");
      expect([empty.rows(), source.rows(), again.rows()]).toEqual([[], suiteRows(1, 5), []]);
    },
  },
  {
    name: "goes on behind its snapshot after a crash: nothing lost, nothing of it repeated",
    appliesTo: { replays: true },
    async check({ environment, start, abandon }) {
      await environment.append(suiteRows(1, 900));
      let restored: SourceStart = {};
      let before = 0;
      for (let crash = 0; crash < 3; crash++) {
        const source = await start({ ...restored, capacity: 40 });
        await arrived(source, 40);
        restored = { restored: source.snapshot(1) };
        const kept = source.rows();
        expect(kept).toEqual(suiteRows(before + 1, before + kept.length));
        before += kept.length;
        source.take(20); // goes on reading behind the snapshot: nothing of that may be in it
        await abandon(source);
      }
      await environment.append(suiteRows(901, 910));
      const last = await start({ ...restored, untilCaughtUp: true });
      await within("catching up", last.finished);
      expect(last.rows()).toEqual(suiteRows(before + 1, 910));
    },
  },
  {
    name: "takes what was handed on into a snapshot, not what it has read ahead",
    appliesTo: { replays: true },
    async check({ environment, start, abandon }) {
      await environment.append(suiteRows(1, 75));
      const source = await start({ busy: true });
      await arrived(source, 50);
      await new Promise((resolve) => setTimeout(resolve, 50));
      const restored = source.snapshot(1);
      const handedOn = source.rows().length;
      await abandon(source);
      const next = await start({ restored, untilCaughtUp: true });
      await within("catching up", next.finished);
      expect(next.rows()).toEqual(suiteRows(handedOn + 1, 75));
    },
  },
  {
    name: "starts where the sink says it is, not at the checkpoint",
    appliesTo: { replays: true },
    async check({ environment, start, abandon }) {
      await environment.append(suiteRows(1, 100));
      const source = await start({ capacity: 50 });
      const early = source.snapshot(1);
      await eventually("50 rows arrived", () => source.rows().length >= 50);
      const committed = new Map(source.batches.map(({ split, end }) => [split, end]));
      const done = source.rows().length;
      await abandon(source);
      const next = await start({ restored: early, committed, untilCaughtUp: true });
      await within("catching up", next.finished);
      expect(next.rows()).toEqual(suiteRows(done + 1, 100));
    },
  },
  {
    name: "loses nothing between a drain and the next start",
    appliesTo: { replays: true },
    async check({ environment, start }) {
      await environment.append(suiteRows(1, 175));
      const source = await start({ busy: true });
      await arrived(source, 50);
      source.drain();
      await within("draining", source.finished);
      const next = await start({ restored: source.snapshot(1), untilCaughtUp: true });
      await within("catching up", next.finished);
      expect([...source.rows(), ...next.rows()]).toEqual(suiteRows(1, 175));
    },
  },
  {
    name: "acknowledges nothing before the checkpoint that holds it is complete, and all of it then",
    appliesTo: { acks: true },
    async check({ environment, start, abandon }) {
      const acked = async (): Promise<number> => {
        if (environment.acked === undefined) throw new Error("the table acknowledges: its environment needs acked()");
        return await environment.acked();
      };
      await environment.append(suiteRows(1, 100));
      const source = await start({ capacity: 40 });
      await arrived(source, 40);
      source.snapshot(1);
      const inSnapshot = source.rows().length;
      source.take(1000);
      await arrived(source, 100);
      await new Promise((resolve) => setTimeout(resolve, 200));
      expect(await acked(), "acked before any checkpoint").toBe(0);
      await source.checkpointCompleted(1);
      await eventually("the checkpoint's inputs are acked", async () => (await acked()) >= inSnapshot);
      expect(await acked(), "acked after the checkpoint").toBe(inSnapshot);
      await abandon(source);
    },
  },
  {
    name: "bad_data = 'fail': ends with a coded error, every row before it handed on, and stays before it",
    appliesTo: { format: true },
    async check({ environment, start }) {
      const source = await start({ busy: true });
      await environment.append(suiteRows(1, 3));
      await appendBad(environment);
      const error: unknown = await within("failing", source.finished).catch((error: unknown) => error);
      expect(isConnectorError(error) && error.exitCode, String(error)).toBe(6);
      expect(source.rows()).toEqual(suiteRows(1, 3));
      expect(source.counters.badRows).toBe(1);
    },
  },
  {
    name: "bad_data = 'drop': counts it, goes on, and does not meet it again",
    appliesTo: { format: true },
    async check({ environment, capabilities, start }) {
      const source = await start({ options: { badData: "drop" } });
      await environment.append(suiteRows(1, 3));
      await appendBad(environment);
      await environment.append(suiteRows(4, 6));
      await arrived(source, 6);
      expect(source.rows()).toEqual(suiteRows(1, 6));
      expect(source.counters.badRows).toBe(1);
      if (!capabilities.replays) return;
      const options = { badData: "drop" };
      const next = await start({ options, restored: source.snapshot(1), untilCaughtUp: true });
      await within("catching up", next.finished);
      expect([next.rows(), next.counters.badRows]).toEqual([[], 0]);
    },
  },
];

export async function appendBad(environment: SourceEnvironment): Promise<void> {
  if (environment.appendBad === undefined) throw new Error("the table has a format: its environment needs appendBad()");
  await environment.appendBad();
}

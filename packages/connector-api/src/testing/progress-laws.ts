import { expect } from "vitest";
import { isConnectorError } from "../errors.js";
import type { SinkLaw } from "./sink-laws.js";
import { suiteRows } from "./suite-rows.js";

/** The laws of a sink about what it says of its own past. */
export const progressLaws: readonly SinkLaw[] = [
  {
    name: "says at its next start up to where it has written, without a checkpoint",
    appliesTo: { keepsProgress: true },
    async check({ environment, write, open }) {
      await write(suiteRows(1, 30));
      const { start } = await open();
      expect([...(start.committed ?? [])].map(([split, position]) => [split, Number(position)])).toEqual([["0", 30]]);
      await write(suiteRows(31, 40), 31);
      expect(await environment.read()).toEqual(suiteRows(1, 40));
    },
  },
  {
    name: "lets no older incarnation write behind a newer one",
    appliesTo: { keepsProgress: true },
    async check({ environment, open, writeTo }) {
      const older = await open();
      await writeTo(older.sink, suiteRows(1, 10), 1);
      const newer = await open();
      const error: unknown = await writeTo(older.sink, suiteRows(11, 20), 11).catch((error: unknown) => error);
      expect(isConnectorError(error) && error.exitCode, String(error)).toBe(5);
      await writeTo(newer.sink, suiteRows(11, 20), 11);
      expect(await environment.read()).toEqual(suiteRows(1, 20));
    },
  },
  {
    name: "leaves the position to the host",
    appliesTo: { keepsProgress: false },
    async check({ write, open }) {
      await write(suiteRows(1, 3));
      expect((await open()).start.committed).toBeUndefined();
    },
  },
];

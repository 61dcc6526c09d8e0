import { ConnectorError } from "@x/connector-api";
import { describe, expect, test } from "vitest";
import { type GroupRecord, type GroupTerms, heldBy } from "../../src/group/group-record.js";
import { isSatisfied, nextRecord, type Standing, surplusOf } from "../../src/group/group-turn.js";

const terms: GroupTerms = { pipeline: "p", group: "g", untilCaughtUp: false, names: ["0", "1", "2", "3"] };

/** A member that has nothing to say but that it lives. */
function member(id: string, more: Partial<Standing> = {}): Standing {
  const nothing = { silent: new Set<string>(), over: new Map(), unavailable: new Set<string>() };
  return { id, host: "h", pid: 1, leaving: false, busy: false, lives: () => true, ...nothing, ...more };
}

/** Turns of members, one behind the other. */
function turns(seen: GroupRecord | undefined, members: readonly Standing[], given = terms): GroupRecord {
  let record = seen;
  for (const one of members) record = nextRecord(record, given, one) ?? record;
  return record as GroupRecord;
}

const shares = (record: GroupRecord): Record<string, number> =>
  Object.fromEntries(Object.keys(record.members).map((id) => [id, heldBy(record, id).length]));

const handedOver = (...splits: string[]): Standing["over"] => new Map(splits.map((split) => [split, "handed-over"]));

describe("a turn", () => {
  test("of the first member takes every split, and a second one makes half of them a surplus", () => {
    const one = turns(undefined, [member("a")]);
    expect(shares(one)).toEqual({ a: 4 });
    const two = turns(one, [member("b"), member("a")]);
    expect(shares(two)).toEqual({ a: 4, b: 0 });
    expect([surplusOf(two, "a"), surplusOf(two, "b")]).toEqual([2, 0]);
    const three = turns(two, [member("a", { over: handedOver("0", "1") }), member("b")]);
    expect(shares(three)).toEqual({ a: 2, b: 2 });
  });

  test.each([
    [4, 3, [2, 1, 1]],
    [5, 2, [3, 2]],
    [1, 2, [1, 0]],
    [7, 7, [1, 1, 1, 1, 1, 1, 1]],
  ])("by turn, %i splits among %i members come to %j", (count, size, expected) => {
    const names = Array.from({ length: count }, (_, i) => String(i));
    const ids = Array.from({ length: size }, (_, i) => `m${i}`);
    let record: GroupRecord | undefined;
    for (let round = 0; round < 10; round++) {
      for (const id of ids) {
        const surplus = record === undefined ? 0 : surplusOf(record, id);
        const over = handedOver(...(record === undefined ? [] : heldBy(record, id).slice(0, surplus)));
        record = turns(record, [member(id, { over, unavailable: new Set(over.keys()) })], { ...terms, names });
      }
    }
    const held = Object.values(shares(record as GroupRecord)).sort((a, b) => b - a);
    expect(held).toEqual(expected);
  });

  test("buries who is silent, and leaves nothing to who leaves", () => {
    const two = turns(undefined, [member("a"), member("b")]);
    const alone = turns(two, [member("b", { silent: new Set(["a"]) })]);
    expect(shares(alone)).toEqual({ b: 4 });
    const leaving = turns(alone, [member("c"), member("b", { leaving: true, busy: true }), member("c")]);
    expect(leaving.members.b).toMatchObject({ leaving: true });
    expect(shares(leaving)).toEqual({ b: 4, c: 0 });
    const gone = turns(leaving, [member("b", { leaving: true }), member("c")]);
    expect(shares(gone)).toEqual({ c: 4 });
  });

  test("with a split that has failed for everybody ends all, and whoever comes then waits until they are gone", () => {
    const two = turns(undefined, [member("a"), member("b")]);
    const over = new Map([["2", { ends: new ConnectorError("BAD_DATA", "no number") }]]);
    const ended = turns(two, [member("a", { over, busy: true })]);
    expect(ended).toMatchObject({ ended: { code: "BAD_DATA" }, members: { a: { leaving: true } } });
    expect(nextRecord(ended, terms, member("c"))).toBeUndefined();
    const empty = turns(ended, [member("a"), member("b")]);
    expect(empty.members).toEqual({});
    expect(turns(empty, [member("c")])).toMatchObject({ members: { c: {} } });
    expect(turns(empty, [member("c")]).ended).toBeUndefined();
  });

  test("says nothing about a split that somebody else has by now", () => {
    const other = turns(turns(undefined, [member("a")]), [member("b", { silent: new Set(["a"]) })]);
    const over = new Map([["1", { ends: new ConnectorError("FENCED", "taken over") }]]);
    const again = turns(other, [member("a2", { over, unavailable: new Set(["1"]) })]);
    expect(again.ended).toBeUndefined();
    expect(again.splits["1"]).toMatchObject({ holder: "b" });
  });

  test("is refused on other terms while the others live, and waits while nobody knows", () => {
    const one = turns(undefined, [member("a")]);
    const quiet = member("b", { lives: () => false });
    for (const [other, reason] of [
      [{ group: "h" }, /run by group "g", and this is "h"/],
      [{ names: ["0"] }, /it has 4 splits, and here 1/],
      [{ untilCaughtUp: true }, /without --until-caught-up, and this process with it/],
    ] as const) {
      expect(() => nextRecord(one, { ...terms, ...other }, member("b"))).toThrow(reason);
      expect(nextRecord(one, { ...terms, ...other }, quiet)).toBeUndefined();
      const alone = { ...quiet, silent: new Set(["a"]) };
      expect(nextRecord(one, { ...terms, ...other }, alone)).toMatchObject({ members: { b: {} } });
    }
  });
});

describe("until caught up", () => {
  const bounded = { ...terms, untilCaughtUp: true };
  const caughtUp = (...splits: string[]): Standing["over"] => new Map(splits.map((split) => [split, "caught-up"]));

  test("a member is satisfied by ends that were read behind its own beginning alone", () => {
    const one = turns(undefined, [member("a")], bounded);
    const since = (record: GroupRecord, id: string): number => record.members[id]?.since ?? 0;
    const two = turns(one, [member("b")], bounded);
    const read = turns(two, [member("a", { over: caughtUp("0", "1", "2", "3"), busy: true })], bounded);
    expect(isSatisfied(read, since(read, "a"))).toBe(true);
    expect(isSatisfied(read, since(read, "b"))).toBe(false);
    const left = turns(read, [member("a"), member("b")], bounded);
    expect(shares(left)).toEqual({ b: 4 });
    const done = turns(left, [member("b", { over: caughtUp("0", "1", "2", "3"), busy: true })], bounded);
    expect(isSatisfied(done, since(done, "b"))).toBe(true);
    expect(turns(done, [member("b")], bounded).members).toEqual({});
  });
});

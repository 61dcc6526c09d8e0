import { expect, test } from "vitest";
import { emptyGroup, type GroupRecord, withMember } from "../../src/group/group-record.js";
import { Silence } from "../../src/group/silence.js";

const at = (beats: Record<string, number>): GroupRecord =>
  Object.entries(beats).reduce(
    (record, [id, beat]) => withMember(record, id, { beat, host: "h", pid: 1, since: 0 }),
    emptyGroup({ pipeline: "p", group: "g", untilCaughtUp: false, names: ["0"] }, 0),
  );

test("a member is dead once it was seen to be silent for a lease, and lives as long as it beats", () => {
  const silence = new Silence(30, 20);
  expect([...silence.look(at({ a: 1, b: 1 }), 0)]).toEqual([]);
  expect(silence.heard("b")).toBe(false);
  expect([...silence.look(at({ a: 1, b: 2 }), 10)]).toEqual([]);
  expect(silence.heard("b")).toBe(true);
  expect([...silence.look(at({ a: 1, b: 3 }), 20)]).toEqual([]);
  expect([...silence.look(at({ a: 1, b: 4 }), 30)]).toEqual(["a"]);
  expect([...silence.look(at({ a: 2, b: 5 }), 40)]).toEqual([]);
});

test("what passes while nobody looks counts for no more than one look: not an outage, nor a pause of this process", () => {
  const silence = new Silence(30, 20);
  silence.look(at({ a: 1 }), 0);
  expect([...silence.look(at({ a: 1 }), 100_000)]).toEqual([]);
  expect([...silence.look(at({ a: 1 }), 100_010)]).toEqual(["a"]);
});

import { isConnectorError } from "@x/connector-api";
import fc from "fast-check";
import { expect, test } from "vitest";
import { emptyGroup, type GroupRecord, parseGroupRecord } from "../../src/group/group-record.js";
import { nextRecord } from "../../src/group/group-turn.js";
import { Silence } from "../../src/group/silence.js";

const terms = { pipeline: "orders", group: "g", untilCaughtUp: false, names: ["0", "1"] };
const me = {
  ...{ id: "me", host: "here", pid: 1, leaving: false, silent: new Set<string>(), lives: () => true },
  ...{ over: new Map(), unavailable: new Set<string>(), busy: false },
};
const whole: GroupRecord = {
  ...emptyGroup(terms, 3),
  members: { a: { beat: 1, host: "there", pid: 2, since: 1 } },
  splits: { "0": { holder: "a", taken: 1 }, "1": { done: 2 } },
};

test("what was written is read as it was", () => {
  expect(parseGroupRecord(JSON.stringify(whole), "orders")).toEqual(whole);
  expect(parseGroupRecord(undefined, "orders")).toBeUndefined();
});

test("rubbish is refused with what to do, or does no harm", () => {
  const texts = fc.oneof(
    fc.string(),
    fc.json(),
    fc
      .tuple(fc.constantFrom("members", "splits", "turn", "ended", "v", "pipeline"), fc.jsonValue())
      .map(([key, value]) => JSON.stringify({ ...whole, [key]: value })),
    fc
      .tuple(fc.constantFrom("members", "splits"), fc.dictionary(fc.string(), fc.jsonValue()))
      .map(([key, value]) => JSON.stringify({ ...whole, [key]: value })),
  );
  fc.assert(
    fc.property(texts, (text) => {
      try {
        const record = parseGroupRecord(text, "orders");
        if (record !== undefined) new Silence(1, 1).look(record);
        nextRecord(record, terms, me);
      } catch (error) {
        expect(
          isConnectorError(error) && ["STATE_INVALID", "OPTION_CONFLICT"].includes(error.code),
          String(error),
        ).toBe(true);
      }
    }),
    { numRuns: 2000 },
  );
});

test("a damaged one names the key and the remedy", () => {
  for (const text of ["rubbish", "{}", JSON.stringify({ ...whole, members: { a: null } })]) {
    expect(() => parseGroupRecord(text, "orders")).toThrow(expect.objectContaining({ code: "STATE_INVALID" }));
  }
  expect(() => parseGroupRecord("rubbish", "orders")).toThrow(/remove it \("orders.group" in the bucket\)/);
});

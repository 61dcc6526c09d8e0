import { describe, expect, it } from "vitest";
import { type ExactlyOnceRequest, planExactlyOnce } from "../../src/exactly-once/plan-exactly-once.ts";

const stream = {
  name: "OUT",
  subjects: ["out.>"],
  retention: "limits",
  num_replicas: 1,
  duplicate_window: 120e9,
} as const;
const servers = {
  "2.9": { version: "2.9.10", atomicBatches: false, subjectFence: false },
  "2.10": { version: "2.10.27", atomicBatches: false, subjectFence: false },
  "2.11": { version: "2.11.9", atomicBatches: false, subjectFence: true },
  "2.15": { version: "2.15.1", atomicBatches: true, subjectFence: true },
};
type Given = Partial<Omit<ExactlyOnceRequest, "server" | "stream" | "table">> & {
  server?: keyof typeof servers;
  stream?: object;
  table?: object;
};
const plan = ({ server = "2.15", stream: own, table, ...rest }: Given) =>
  planExactlyOnce({
    table: { subject: "out.rows", ...table },
    pipeline: "p",
    splits: ["0"],
    stream: { ...stream, ...own },
    server: servers[server],
    ...rest,
  });
const atomic = { allow_atomic: true, allow_rollup_hdrs: true };

describe("exactly once is kept", () => {
  it.each([
    ["atomic", { stream: atomic }],
    ["atomic", { stream: atomic, table: { soleWriter: true, messageId: "{id}" } }],
    ["chain", { table: { soleWriter: true } }],
    ["chain", { server: "2.9", table: { soleWriter: true } }],
    ["chain", { server: "2.10", table: { soleWriter: true, messageId: "{id}" } }],
    // What the old server does not know it may have stored all the same.
    ["chain", { server: "2.11", stream: atomic, table: { soleWriter: true } }],
    ["fenced-msgid", { server: "2.11", stream: atomic, table: { soleWriter: false } }],
    ["fenced-msgid", { table: { soleWriter: false, messageId: "{id}" } }],
  ] as const)("by %s for %j", (mode, given) => {
    expect(plan(given)).toMatchObject({ mode, progress: new Map([["0", "out.__progress.p.0"]]) });
  });

  it("with a progress subject for each split, and notes on what the stream shows", () => {
    const found = plan({ stream: { ...atomic, max_age: 1e9 }, splits: ["0/2", "1/2"] });
    if (found.mode === undefined) throw new Error("no mode");
    expect([...found.progress]).toEqual([
      ["0/2", "out.__progress.p.0/2"],
      ["1/2", "out.__progress.p.1/2"],
    ]);
    expect(found.notes.join("\n")).toMatch(/interior deletes[\s\S]*wildcard[\s\S]*max_age/);
  });

  it("with a stage for rows that differ each time, which limits of the stream may bound", () => {
    const notesOf = (given: Given): string => {
      const found = plan({ stream: atomic, ...given });
      return found.mode === undefined ? "" : found.notes.join("\n");
    };
    expect(notesOf({})).not.toContain("staged");
    expect(notesOf({ deterministic: true })).not.toContain("staged");
    expect(notesOf({ deterministic: false })).toMatch(/999, or 8 MiB\) is staged on the progress subject/);
    for (const soleWriter of [true, false]) {
      const one = notesOf({ stream: {}, table: { soleWriter }, deterministic: false });
      expect(one).toMatch(/an input with several outputs is staged.*it stays there, where allow_rollup_hdrs would/);
    }
    const bounded = { ...atomic, max_msgs_per_subject: 7 };
    expect(notesOf({ deterministic: false, stream: bounded })).toContain("max_msgs_per_subject (7)");
  });
});

describe("exactly once with ids", () => {
  it("is also kept for several splits of a sole writer", () => {
    const splits = ["0/2", "1/2"];
    expect(plan({ table: { soleWriter: true }, splits })).toMatchObject({ mode: "fenced-msgid" });
    // The other one is written by another process: nobody is the sole writer.
    expect(plan({ table: { soleWriter: true }, outOf: 2 })).toMatchObject({ mode: "fenced-msgid" });
  });

  it("says what it costs, and what would be better", () => {
    const found = plan({
      stream: { num_replicas: 3, duplicate_window: 60e9 },
      table: { soleWriter: false, messageId: "{id}" },
    });
    if (found.mode === undefined) throw new Error("no mode");
    expect(found.notes.join("\n")).toMatch(
      /known for 60 s[\s\S]*behind later ones[\s\S]*one output at a time[\s\S]*allow_atomic[\s\S]*message_id is not sent/,
    );
  });
});

describe("exactly once is refused", () => {
  it.each([
    [
      "without allow_atomic where nothing is declared",
      {},
      /does not set allow_atomic$/,
      /set allow_atomic.*sole_writer = true.*sole_writer = false.*at_least_once/,
    ],
    [
      "without allow_atomic and ids",
      { stream: { duplicate_window: 0 }, table: { soleWriter: false } },
      /allow_atomic; .*knows no ids/,
      /set allow_atomic.*sink.sole_writer.*set duplicate_window.*at_least_once/,
    ],
    [
      "where ids go with their messages",
      { stream: { max_msgs_per_subject: 1 }, table: { soleWriter: false } },
      /removes messages of a subject that has 1/,
      /set allow_atomic.*max_msgs_per_subject off/,
    ],
    [
      "by an old server",
      { server: "2.10", table: { soleWriter: false } },
      /2.10.27 has no atomic batches; .*no other subject/,
      /2.12 or later.*sink.sole_writer/,
    ],
    [
      "where progress is not captured",
      { stream: { ...atomic, subjects: ["out.rows"] } },
      /captures no subject for progress/,
      /add "out.__progress.p.0" to the stream's subjects/,
    ],
    [
      "where a column comes first",
      { stream: { ...atomic, subjects: [">"] }, table: { subject: "{region}.x" } },
      /captures no subject for progress/,
      /exactly_once.progress_subject/,
    ],
    ["into a work queue", { stream: { ...atomic, retention: "workqueue" } }, /workqueue retention/, /limits retention/],
    [
      "by a chain of splits in several processes",
      { server: "2.10", table: { soleWriter: true }, outOf: 2 },
      /sole_writer = true works for one split, and the source has 2/,
      /2.12 or later/,
    ],
    [
      "by a chain of several splits in one process",
      { server: "2.10", table: { soleWriter: true }, splits: ["0/2", "1/2"] },
      /sole_writer = true works for one split/,
      /2.12 or later/,
    ],
    [
      "on replicas of a server that compares before they agree",
      { server: "2.9", stream: { num_replicas: 3 }, table: { soleWriter: true } },
      /2\.9\.10 does not compare and swap safely on 3 replicas/,
      /2\.9\.21 or later/,
    ],
    [
      "where a subject takes no second message",
      { stream: { ...atomic, discard: "new", discard_new_per_subject: true, max_msgs_per_subject: 1 } },
      /discard_new_per_subject/,
      /discard_new_per_subject/,
    ],
  ] as const)("%s", (_name, given, reason, remedy) => {
    const found = plan(given as Given);
    if (found.mode !== undefined) throw new Error(`mode ${found.mode}`);
    expect(found.reasons.join("; ")).toMatch(reason);
    expect(found.remedies.join("; ")).toMatch(remedy);
  });

  it("with the settings that a stream lacks", () => {
    expect(plan({ stream: { subjects: ["out.rows"] } })).toMatchObject({
      streamSettings: { allow_atomic: true, allow_rollup_hdrs: true, subjects: ["out.rows", "out.__progress.p.0"] },
    });
    expect(plan({ server: "2.10" })).toMatchObject({ streamSettings: {} });
  });
});

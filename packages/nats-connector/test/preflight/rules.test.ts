import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { capabilitiesOf } from "../../src/capabilities.js";
import type { Facts } from "../../src/preflight/facts.js";
import { judge } from "../../src/preflight/preflight.js";
import { rules } from "../../src/preflight/rules.js";
import { type Change, consumerOf, factsOf, NOW, recordOf, streamOf } from "./facts-fixture.js";

type Breach = readonly [id: string, severity: "error" | "warning" | "note", what: string, change: Change];

const deadLetters = (stream: ReturnType<typeof streamOf> | undefined, subject = "dlq.rows") => ({
  badData: { behavior: "dead_letter", subject } as const,
  deadLetters: { subject, stream, known: true },
});
const rates = { first_ts: "2026-01-31T11:00:00Z", last_ts: "2026-01-31T11:00:10Z" };
const workQueue = { stream: streamOf("IN", { retention: "workqueue" }) };
const interest = { stream: streamOf("IN", { retention: "interest" }) };

/** At least one way to break each rule. */
const breaches: readonly Breach[] = [
  ["source-stream-missing", "error", "no stream", { source: { stream: undefined } }],
  [
    "state-of-another-stream",
    "error",
    "a foreign checkpoint",
    { source: { positions: [recordOf({ stream: "OLD" })] } },
  ],
  ["stream-replaced", "error", "a stream that is too short", { source: { positions: [recordOf({ lastSeq: 101 })] } }],
  [
    "stream-replaced",
    "error",
    "another creation",
    { source: { positions: [recordOf({ created: "2025-01-01T00:00:00Z" })] } },
  ],
  [
    "stream-replaced",
    "error",
    "another message at the position",
    { source: { positions: [recordOf({ lastTs: "1" })], storedAtPosition: "2" } },
  ],
  ["position-gone", "error", "a purged stream", { source: { stream: streamOf("IN", {}, { first_seq: 60 }) } }],
  [
    "position-gone",
    "warning",
    "a purged stream, filtered",
    { source: { stream: streamOf("IN", {}, { first_seq: 60 }) }, sourceTable: { filterSubjects: ["in.a"] } },
  ],
  [
    "retention-outruns-reader",
    "error",
    "max_age below the recovery time",
    { source: { stream: streamOf("IN", { max_age: 30e9 }) } },
  ],
  [
    "retention-outruns-reader",
    "warning",
    "an old next message",
    { source: { stream: streamOf("IN", { max_age: 3600e9 }), next: { seq: 51, storedAtMs: NOW - 3_300_000 } } },
  ],
  [
    "retention-outruns-reader",
    "error",
    "a work queue, which removes by age what nobody has acked",
    { source: { stream: streamOf("IN", { retention: "workqueue", max_age: 30e9 }) } },
  ],
  [
    "position-gone",
    "error",
    "a purged work queue",
    { source: { stream: streamOf("IN", { retention: "workqueue" }, { first_seq: 60 }) } },
  ],
  [
    "size-limit-outruns-reader",
    "warning",
    "a full work queue",
    {
      source: {
        stream: streamOf("IN", { retention: "workqueue", max_msgs: 100 }, { ...rates, first_seq: 48, last_seq: 147 }),
      },
    },
  ],
  [
    "size-limit-outruns-reader",
    "warning",
    "a full stream",
    { source: { stream: streamOf("IN", { max_msgs: 100 }, { ...rates, first_seq: 48, last_seq: 147 }) } },
  ],
  [
    "rate-limit-below-inflow",
    "warning",
    "more messages than the limit",
    { source: { stream: streamOf("IN", {}, rates), rateLimit: 5 } },
  ],
  [
    "superseded-before-read",
    "warning",
    "a limit per subject",
    { source: { stream: streamOf("IN", { max_msgs_per_subject: 1 }) } },
  ],
  ["gaps-untold", "note", "filters on interest", { source: interest, sourceTable: { filterSubjects: ["in.a"] } }],
  [
    "gaps-untold",
    "warning",
    "filters on a work queue with a limit",
    {
      source: { stream: streamOf("IN", { retention: "workqueue", max_age: 86_400e9 }) },
      sourceTable: { filterSubjects: ["in.a"] },
    },
  ],
  [
    "start-beyond-end",
    "error",
    "a start behind the end",
    { source: { positions: [] }, sourceTable: { deliver: { policy: "by_start_sequence", startSequence: 500 } } },
  ],
  [
    "start-skips-messages",
    "note",
    "deliver_policy new",
    { source: { positions: [], next: undefined }, sourceTable: { deliver: { policy: "new" } } },
  ],
  [
    "start-skips-messages",
    "note",
    "a late beginning",
    { source: { positions: [], stream: streamOf("IN", {}, { first_seq: 51 }) } },
  ],
  ["ack-policy-unsound", "error", "no acks on interest", { source: interest, sourceTable: { ackPolicy: "none" } }],
  ["ack-wait-below-checkpoint", "error", "a short ack_wait", { source: workQueue, sourceTable: { ackWaitMs: 1000 } }],
  [
    "ack-wait-below-checkpoint",
    "warning",
    "a scarce ack_wait",
    { source: workQueue, sourceTable: { ackWaitMs: 2000 } },
  ],
  [
    "ack-window-small",
    "warning",
    "a limit of the stream",
    { source: { stream: streamOf("IN", { retention: "workqueue", consumer_limits: { max_ack_pending: 100 } }) } },
  ],
  ["max-deliver-gives-up", "warning", "a limit", { source: workQueue, sourceTable: { maxDeliver: 5 } }],
  [
    "max-deliver-gives-up",
    "error",
    "and gaps that are skipped",
    { source: workQueue, sourceTable: { maxDeliver: 5, onGap: "skip" } },
  ],
  [
    "work-queue-start",
    "error",
    "a start elsewhere",
    { source: workQueue, sourceTable: { deliver: { policy: "new" } } },
  ],
  [
    "work-queue-shared",
    "error",
    "a stranger's consumer",
    { source: { ...workQueue, consumers: [{ info: consumerOf("other"), own: false }] } },
  ],
  [
    "work-queue-shared",
    "error",
    "another statement",
    { source: workQueue, pipeline: { beside: [{ name: "q", source: factsOf().source?.table, sink: undefined }] } },
  ],
  ["interest-not-held", "note", "a first start", { source: { ...interest, positions: [] } }],
  ["interest-not-held", "warning", "a consumer that is gone", { source: interest }],
  ["consumer-replicas", "error", "more than the stream has", { sourceTable: { numReplicas: 5 } }],
  ["consumer-replicas", "error", "fewer on interest", { source: interest, sourceTable: { numReplicas: 1 } }],
  ["consumer-limit", "error", "no room for one more", { source: { stream: streamOf("IN", { max_consumers: 1 }) } }],
  [
    "consumer-limit",
    "error",
    "no room on interest to take over",
    { source: { stream: streamOf("IN", { retention: "interest", max_consumers: 2 }), consumers: [] } },
  ],
  [
    "consumer-limit",
    "error",
    "no room on interest in the account's tier",
    {
      source: { stream: streamOf("IN", { retention: "interest", num_replicas: 3 }), consumers: [] },
      system: {
        account: {
          ...{ level: 5, domain: undefined, storage: 0, memory: 0, limits: undefined },
          tiers: { R3: { limits: { max_storage: -1, max_memory: -1, max_streams: -1, max_consumers: 2 } } },
        },
      },
    },
  ],
  ["filter-matches-nothing", "warning", "a foreign subject", { sourceTable: { filterSubjects: ["other.>"] } }],
  [
    "filter-matches-nothing",
    "error",
    "a foreign subject on an old server",
    { sourceTable: { filterSubjects: ["other.>"] }, system: { capabilities: capabilitiesOf("2.9.10", 0) } },
  ],
  [
    "several-filters-unsupported",
    "error",
    "an old server",
    {
      sourceTable: { filterSubjects: ["in.a", "in.b"] },
      system: { capabilities: capabilitiesOf("2.9.10", 0) },
    },
  ],
  ["sink-stream-missing", "error", "no stream", { sink: { stream: undefined } }],
  ["sink-stream-read-only", "error", "a mirror", { sink: { stream: streamOf("OUT", { mirror: {} }) } }],
  ["sink-subject-not-captured", "error", "another subject", { sink: { pattern: "elsewhere.rows" } }],
  [
    "sink-without-acks",
    "error",
    "no_ack",
    { sink: { stream: streamOf("OUT", { no_ack: true, duplicate_window: 120e9 }) } },
  ],
  ["sink-header-not-taken", "error", "a rollup", { sinkTable: { headers: { "nats-rollup": "sub" } } }],
  [
    "sink-interest-unheld",
    "warning",
    "nobody listens",
    { sink: { stream: streamOf("OUT", { retention: "interest", duplicate_window: 120e9 }, { consumer_count: 0 }) } },
  ],
  [
    "sink-discards-new",
    "warning",
    "a limited stream",
    { sink: { stream: streamOf("OUT", { discard: "new", max_msgs: 10, duplicate_window: 120e9 }) } },
  ],
  [
    "sink-replaces-rows",
    "warning",
    "a limit per subject",
    { sink: { stream: streamOf("OUT", { max_msgs_per_subject: 1, duplicate_window: 120e9 }) } },
  ],
  [
    "sink-message-limit",
    "note",
    "a small limit",
    { sink: { stream: streamOf("OUT", { max_msg_size: 100, duplicate_window: 120e9 }) } },
  ],
  [
    "duplicate-window-short",
    "warning",
    "a short window",
    { sink: { stream: streamOf("OUT", { duplicate_window: 10e9 }) } },
  ],
  ["duplicates-possible", "note", "no message id", { sinkTable: { messageId: undefined } }],
  ["core-publish-into-stream", "error", "a captured subject", { coreSink: { capturedBy: ["OUT"] } }],
  [
    "core-publish-into-stream",
    "warning",
    "a captured subject, at most once",
    { coreSink: { capturedBy: ["OUT"] }, coreSinkTable: { delivery: "at_most_once" } },
  ],
  ["at-most-once-chosen", "note", "delivery", { sinkTable: { delivery: "at_most_once" } }],
  [
    "exactly-once-impossible",
    "error",
    "an old server",
    {
      sink: { system: { ...factsOf().sink?.system, capabilities: capabilitiesOf("2.10.27", 0) } as never },
      sinkTable: { delivery: "exactly_once", messageId: undefined },
    },
  ],
  [
    "exactly-once-by-ids",
    "warning",
    "no atomic batches",
    { sinkTable: { delivery: "exactly_once", messageId: undefined, soleWriter: false } },
  ],
  ["exactly-once-source", "error", "a Core source", { coreSource: {}, sinkTable: { delivery: "exactly_once" } }],
  [
    "exactly-once-query",
    "note",
    "random()",
    {
      pipeline: { deterministic: false },
      sink: { stream: streamOf("OUT", { allow_atomic: true }) },
      sinkTable: { delivery: "exactly_once" },
    },
  ],
  [
    "exactly-once-query",
    "warning",
    "random() where few messages of a subject are kept",
    {
      pipeline: { deterministic: false },
      sink: { stream: streamOf("OUT", { allow_atomic: true, max_msgs_per_subject: 5 }) },
      sinkTable: { delivery: "exactly_once" },
    },
  ],
  [
    "exactly-once-query",
    "warning",
    "random() without a way to exactly once",
    { pipeline: { deterministic: false }, sinkTable: { delivery: "exactly_once" } },
  ],
  [
    "progress-expires",
    "error",
    "a short max_age",
    { sink: { stream: streamOf("OUT", { max_age: 60e9 }) }, sinkTable: { delivery: "exactly_once" } },
  ],
  [
    "progress-expires",
    "warning",
    "a long max_age",
    { sink: { stream: streamOf("OUT", { max_age: 86400e9 }) }, sinkTable: { delivery: "exactly_once" } },
  ],
  [
    "sole-writer-shared",
    "error",
    "a stream with sources",
    { sink: { stream: streamOf("OUT", { sources: [{}] }) }, sinkTable: { delivery: "exactly_once", soleWriter: true } },
  ],
  [
    "sole-writer-shared",
    "error",
    "another statement",
    {
      sinkTable: { delivery: "exactly_once", soleWriter: true },
      pipeline: { beside: [{ name: "q", source: undefined, sink: factsOf().sink?.table }] },
    },
  ],
  [
    "exactly-once-possible",
    "note",
    "an atomic stream",
    { sink: { stream: streamOf("OUT", { allow_atomic: true, duplicate_window: 120e9 }) } },
  ],
  ["bad-data-dropped", "warning", "drop", { source: { badData: { behavior: "drop" } } }],
  ["dead-letter-not-captured", "error", "no stream", { source: deadLetters(undefined) }],
  ["dead-letter-not-captured", "error", "no stream, at the sink", { sink: deadLetters(undefined) }],
  ["dead-letter-loop", "error", "read by the source", { source: deadLetters(streamOf("IN"), "in.dead") }],
  ["dead-letter-loop", "error", "of the sink, read by the source", { sink: deadLetters(streamOf("IN"), "in.dead") }],
  [
    "dead-letter-dropped",
    "error",
    "interest without a consumer",
    { source: deadLetters(streamOf("DLQ", { retention: "interest" }, { consumer_count: 0 }), "dlq.rows") },
  ],
  [
    "dead-letter-full",
    "warning",
    "discard new",
    { source: deadLetters(streamOf("DLQ", { discard: "new", max_msgs: 5 })) },
  ],
  [
    "output-feeds-input",
    "error",
    "a loop",
    { sink: { pattern: "in.rows", stream: streamOf("IN", { duplicate_window: 120e9 }) } },
  ],
  ["state-not-durable", "warning", "memory", { pipeline: { durableState: false } }],
  [
    "state-not-durable",
    "error",
    "memory and new",
    { pipeline: { durableState: false }, sourceTable: { deliver: { policy: "new" } } },
  ],
  ["core-source-misses", "warning", "a Core source", { coreSource: {} }],
  ["core-overflow-drops", "note", "drop_newest", { coreSource: { onOverflow: "drop_newest" } }],
  [
    "permission-missing",
    "warning",
    "a subject that a start can do without",
    { system: { denied: [{ operation: "publish", subject: "$JS.API.CONSUMER.NAMES.IN" }] } },
  ],
  [
    "permission-missing",
    "error",
    "a denied subject",
    { system: { denied: [{ operation: "publish", subject: "out.rows" }] } },
  ],
  ["not-all-readable", "note", "a limited user", { system: { unread: ["the account's limits"] } }],
  ["single-replica", "warning", "in a cluster", { source: { stream: streamOf("IN", { num_replicas: 1 }) } }],
  [
    "single-replica",
    "note",
    "on one server",
    { source: { stream: streamOf("IN", { num_replicas: 1 }) }, system: { clustered: false } },
  ],
  [
    "replica-behind",
    "warning",
    "an offline replica",
    {
      source: {
        stream: streamOf("IN", {}, {}, { cluster: { replicas: [{ name: "n2", current: false, offline: true }] } }),
      },
    },
  ],
  [
    "stored-in-memory",
    "warning",
    "memory",
    { source: { stream: streamOf("IN", { storage: "memory", num_replicas: 1 }) } },
  ],
  [
    "flushed-late",
    "warning",
    "async",
    { sink: { stream: streamOf("OUT", { persist_mode: "async", duplicate_window: 120e9 }) } },
  ],
  [
    "storage-nearly-full",
    "warning",
    "95 of 100 bytes",
    {
      system: {
        account: {
          level: 5,
          domain: undefined,
          storage: 95,
          memory: 0,
          limits: { max_storage: 100, max_memory: -1, max_streams: -1, max_consumers: -1 },
        },
      },
    },
  ],
  ["unsafe-clustered-version", "warning", "2.9.10", { system: { capabilities: capabilitiesOf("2.9.10", 0) } }],
];

test("a healthy pipeline breaks no rule", () => {
  // Exactly once is offered wherever it is not chosen.
  const idsOf = (facts: Facts): string[] =>
    judge(facts)
      .findings.map(({ id }) => id)
      .filter((id) => id !== "exactly-once-possible");
  expect(idsOf(factsOf())).toEqual([]);
  expect(idsOf(factsOf({ source: { positions: [], next: { seq: 1, storedAtMs: NOW } }, coreSinkTable: {} }))).toEqual(
    [],
  );
});

test.each(breaches)("%s is a finding of severity %s: %s", (id, severity, _what, change) => {
  const found = judge(factsOf(change)).findings.filter((finding) => finding.id === id);
  expect(found[0]).toMatchObject({ id, severity });
  for (const { message, explanation, remedy } of found) {
    for (const text of [message, explanation, remedy]) expect(text).not.toMatch(/undefined|NaN|Infinity|\[object/);
    expect(explanation).toMatch(/\.$/);
    expect(message).not.toMatch(/\.$/);
  }
});

test("every rule can be broken, and has an id of its own", () => {
  const ids = rules.map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
  expect([...new Set(breaches.map(([id]) => id))].sort()).toEqual([...ids].sort());
  for (const id of ids) expect(id).toMatch(/^[a-z0-9]+(-[a-z0-9]+)+$/);
});

test("the gravest findings come first", () => {
  const { findings } = judge(factsOf({ sinkTable: { messageId: undefined }, source: { stream: undefined } }));
  expect(findings.map(({ severity }) => severity)).toEqual(["error", "note", "note"]);
});

describe("docs/preflight.md", () => {
  const rows = readFileSync(new URL("../../../../docs/preflight.md", import.meta.url), "utf8").matchAll(
    /^\| `([a-z0-9-]+)` \| ([a-z]+) \| ([a-z]+) \| (.+) \|$/gm,
  );
  const documented = [...rows].map(([, id, severity, side, explanation]) => ({ id, severity, side, explanation }));

  test("names every rule in order, with its severity and why it matters", () => {
    expect(documented).toEqual(
      rules.map(({ id, severity, side, explanation }) => ({ id, severity, side, explanation })),
    );
  });
});

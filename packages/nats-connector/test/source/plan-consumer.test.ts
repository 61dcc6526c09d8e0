import { describe, expect, test } from "vitest";
import { type Capabilities, capabilitiesOf } from "../../src/capabilities.js";
import type { StreamInfo } from "../../src/jetstream/api.js";
import { type ConsumerPlan, planConsumer, planSharedConsumer } from "../../src/source/plan-consumer.js";
import { type JetStreamSourceTable, parseTable } from "../../src/table-config.js";

const stream = (config: object = {}): StreamInfo =>
  ({
    config: { name: "S", subjects: ["s.>"], retention: "limits", num_replicas: 1, ...config },
    state: { messages: 10, first_seq: 1, last_seq: 10 },
    created: "2026-01-01T00:00:00Z",
  }) as never;
const now: Capabilities = capabilitiesOf("2.15.1", 5);
const old: Capabilities = capabilitiesOf("2.9.10", 0);

function plan(fields: object, config: object = {}, capabilities: Capabilities = now): ConsumerPlan {
  const table = parseTable({ type: "jetstream-source", stream: "S", ...fields }) as JetStreamSourceTable;
  const request = { table, stream: stream(config), capabilities, name: "c", labels: { pipeline: "p" } };
  const start = { kind: "configured" } as const;
  return table.ordering === "none"
    ? planSharedConsumer({ ...request, start })
    : planConsumer({ ...request, start, filters: table.filterSubjects });
}
const configOf = (...args: Parameters<typeof plan>) => plan(...args).config;
const SECOND = 1_000_000_000;

describe("the consumer of a split", () => {
  test("on a limits stream acks nothing, lives in memory and expires", () => {
    expect(configOf({})).toEqual({
      name: "c",
      deliver_policy: "all",
      ack_policy: "none",
      replay_policy: "instant",
      max_deliver: -1,
      num_replicas: 1,
      mem_storage: true,
      inactive_threshold: 300 * SECOND,
      metadata: { pipeline: "p" },
    });
  });

  test("on an interest stream is durable, never expires and is never waited for", () => {
    const expected = { durable_name: "c", ack_policy: "all", ack_wait: 86_400 * SECOND, max_ack_pending: -1 };
    expect(configOf({}, { retention: "interest" })).toMatchObject(expected);
    expect(configOf({}, { retention: "interest" })).not.toHaveProperty("inactive_threshold");
    expect(configOf({}, { retention: "interest", num_replicas: 3 }, old).ack_policy).toBe("explicit");
    expect(configOf({}, { retention: "workqueue" }).ack_policy).toBe("explicit");
    expect(configOf({}, {}, old)).not.toHaveProperty("metadata");
  });

  test("has what the options say", () => {
    const options = {
      ackPolicy: "explicit",
      maxDeliver: 5,
      maxAckPending: 100,
      ackWaitMs: 1000,
      replayPolicy: "original",
    };
    expect(plan({ ...options, filterSubjects: ["s.a"], maxWaiting: 7, sampleFrequency: 30 })).toMatchObject({
      ackCap: 100,
      config: {
        ...{ max_deliver: 5, max_ack_pending: 100, ack_wait: SECOND, replay_policy: "original" },
        ...{ filter_subject: "s.a", max_waiting: 7, sample_freq: "30%" },
      },
    });
    // Servers want a filter for it.
    expect(configOf({ deliver: { policy: "last_per_subject" } })).toMatchObject({ filter_subject: ">" });
    expect(configOf({ ordering: "none" })).toMatchObject({ ack_policy: "explicit", ack_wait: 30 * SECOND });
  });

  test("takes the limits of stream and account where the user says nothing, and acks before they are reached", () => {
    const limited = { consumer_limits: { max_ack_pending: 50, inactive_threshold: 60 * SECOND } };
    expect(configOf({}, limited)).toMatchObject({ inactive_threshold: 60 * SECOND });
    expect(plan({ ackPolicy: "all" }, limited)).toMatchObject({ ackCap: 50, config: { max_ack_pending: 50 } });
    const account = { ...now, maxAckPending: 20 };
    expect(plan({ ackPolicy: "all" }, limited, account)).toMatchObject({ ackCap: 20, config: { max_ack_pending: 20 } });
    expect(plan({ ordering: "none" }, limited, account).ackCap).toBe(20);
  });

  const interest = { retention: "interest" };
  test.each([
    [{ filterSubjects: ["s.a", "s.b"] }, {}, old, "CAPABILITY_MISSING", "2.10"],
    [
      { ackPolicy: "all", maxAckPending: 60 },
      { consumer_limits: { max_ack_pending: 50 } },
      now,
      "CONSUMER_REFUSED",
      "allows 50",
    ],
    [
      { ackPolicy: "all", maxAckPending: 60 },
      {},
      { ...now, maxAckPending: 50 },
      "CONSUMER_REFUSED",
      "the account allows 50",
    ],
    [
      { inactiveThresholdMs: 90_000 },
      { consumer_limits: { inactive_threshold: 60 * SECOND } },
      now,
      "CONSUMER_REFUSED",
      "60000 ms",
    ],
    [{ inactiveThresholdMs: 90_000 }, interest, now, "CONSUMER_REFUSED", "leave it out"],
    [
      {},
      { ...interest, consumer_limits: { inactive_threshold: SECOND } },
      now,
      "CONSUMER_REFUSED",
      "take that limit off",
    ],
    [{ ackPolicy: "none" }, interest, now, "CONSUMER_REFUSED", "use 'auto'"],
    [{ ackPolicy: "all" }, { ...interest, num_replicas: 3 }, old, "CONSUMER_REFUSED", "replicas"],
    [{ ackPolicy: "all" }, { retention: "workqueue" }, now, "CONSUMER_REFUSED", "acks each message"],
    [{ deliver: { policy: "new" } }, { retention: "workqueue" }, now, "CONSUMER_REFUSED", "'all'"],
    [{ onGap: "latest" }, { retention: "workqueue" }, now, "CONSUMER_REFUSED", "'skip'"],
    [{ deliver: { policy: "by_start_sequence", startSequence: 12 } }, {}, now, "OPTION_INVALID", "ends at 10"],
  ])("refuses what cannot be honoured, with a remedy: %j on %j", (fields, config, capabilities, code, text) => {
    expect(() => plan(fields, config, capabilities)).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(text) }),
    );
  });
});

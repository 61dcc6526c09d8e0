import { type ConnectionSchema, ConnectorOptions, defineSchema, parseOperatorConfig } from "@x/connector-api";
import { describe, expect, test } from "vitest";
import { natsConnector } from "../src/nats-connector.js";

const connector = natsConnector({ environment: { URL: "one:4222, two" } });
const schema = defineSchema({ id: "BIGINT NOT NULL", note: "TEXT" });
const source = { servers: "localhost", type: "source", stream: "S", format: "json" };
const sink = { servers: "localhost", type: "sink", subject: "out.a", format: "json" };

/** Options as SQL has them. */
const sql = (options: Record<string, string>, environment = {}): ConnectorOptions =>
  new ConnectorOptions(
    Object.entries(options).map(([name, value]) => ({ name, label: name, value })),
    environment,
  );
const table = (options: Record<string, string>, columns: ConnectionSchema = schema): Record<string, unknown> =>
  parseOperatorConfig(connector.fromOptions("t", sql(options), columns).config).table as never;
const code = (options: Record<string, string>, columns?: ConnectionSchema): string => {
  try {
    table(options, columns);
    return "";
  } catch (error) {
    return `${(error as { code: string }).code}: ${(error as Error).message}`;
  }
};

describe("options", () => {
  test("of the four kinds of table", () => {
    expect(table(source)).toMatchObject({
      type: "jetstream-source",
      stream: "S",
      deliver: { policy: "all" },
      maxBatch: 1000,
    });
    expect(table({ ...source, deliver_policy: "by_start_sequence", start_sequence: "5" })).toMatchObject({
      deliver: { policy: "by_start_sequence", startSequence: 5 },
    });
    expect(table({ ...source, "consumer.filter_subjects": "a.*, b.>", "consumer.max_expires": "10s" })).toMatchObject({
      filterSubjects: ["a.*", "b.>"],
      maxExpiresMs: 10_000,
    });
    const { stream: _, ...core } = source;
    expect(table({ ...core, subject: "in.>", queue_group: "g", "core.on_overflow": "fail" })).toMatchObject({
      type: "core-source",
      queueGroup: "g",
      onOverflow: "fail",
    });
    expect(table({ ...sink, "header.X-Id": "{id}" })).toMatchObject({ type: "core-sink", headers: { "X-Id": "{id}" } });
    expect(table({ ...sink, stream: "OUT", message_id: "{id}" })).toMatchObject({
      type: "jetstream-sink",
      messageId: "{id}",
    });
  });

  test("of a JetStream source become its table", () => {
    const defaults = { onGap: "fail", ordering: "split", replayPolicy: "instant" };
    expect(table({ ...source, partitions: "1", "consumer.rate_limit": "-1" })).toMatchObject(defaults);
    expect(table({ ...source, partitions: "1", "consumer.max_deliver": "-1" })).not.toHaveProperty("partition");
    const given = { on_gap: "earliest", ordering: "none", "consumer.replay_policy": "original" };
    expect(table({ ...source, ...given, deliver_policy: "last_per_subject" })).toMatchObject({
      ...{ onGap: "earliest", ordering: "none", replayPolicy: "original", deliver: { policy: "last_per_subject" } },
    });
    const limits = { "consumer.max_ack_pending": "100", "consumer.max_deliver": "5", "consumer.ack_wait": "30" };
    expect(table({ ...source, ...limits })).toMatchObject({ maxAckPending: 100, maxDeliver: 5, ackWaitMs: 30_000 });
  });

  test.each([
    [{ partitions: "4" }, { by: "transform", count: 4 }],
    [
      { partitions: "4", "partition.token": "2" },
      { by: "token", count: 4, token: 2 },
    ],
    [{ "partition.filters": "a.>, b.>" }, { by: "filters", filters: ["a.>", "b.>"] }],
    [
      { partitions: "2", "partition.filters": "a.>, b.>" },
      { by: "filters", filters: ["a.>", "b.>"] },
    ],
  ])("cut a stream: %j", (options, partition) => {
    expect(table({ ...source, ...options })).toMatchObject({ partition });
  });

  test.each([
    [{ "partition.token": "2" }, /^OPTION_MISSING: .*"partitions"/],
    [{ partitions: "3", "partition.filters": "a, b" }, /^OPTION_CONFLICT: partitions = 3.*has 2/],
    [{ partitions: "3", "partition.token": "1", "partition.filters": "a" }, /^OPTION_CONFLICT/],
    [{ "partition.filters": "a", "consumer.filter_subjects": "b" }, /^OPTION_CONFLICT/],
    [{ partitions: "3", "consumer.filter_subjects": "b" }, /^OPTION_CONFLICT: .*partition.token/],
    [{ ordering: "none", partitions: "3" }, /^OPTION_CONFLICT: .*"partitions" needs ordering/],
    [{ ordering: "none", "consumer.ack_policy": "all" }, /^OPTION_CONFLICT: .*ack_policy/],
    [{ ordering: "none", on_gap: "latest" }, /^OPTION_CONFLICT: on_gap = 'latest' needs ordering = 'split'.*'skip'/],
    [{ "consumer.max_ack_pending": "0" }, /^OPTION_INVALID: .*above 0, or -1/],
    [{ on_gap: "ignore" }, /^OPTION_INVALID: .*"skip"/],
  ])("that contradict each other are told so: %j", (options, error) => {
    expect(code({ ...source, ...options })).toMatch(error);
  });

  test("of exactly once need a stream and each other", () => {
    const exact = { ...sink, stream: "OUT", delivery: "exactly_once" };
    expect(table({ ...exact, "exactly_once.progress_subject": "out.p" })).toMatchObject({
      delivery: "exactly_once",
      progressSubject: "out.p",
    });
    expect(table(exact)).not.toHaveProperty("soleWriter");
    expect(table({ ...exact, "sink.sole_writer": "false" })).toMatchObject({ soleWriter: false });
    expect(code({ ...sink, delivery: "exactly_once" })).toMatch(/^OPTION_CONFLICT: .*exactly_once.*"stream"/);
    for (const [name, value] of [
      ["exactly_once.progress_subject", "out.p"],
      ["sink.sole_writer", "true"],
    ] as const) {
      expect(code({ ...sink, stream: "OUT", [name]: value })).toMatch(/^OPTION_CONFLICT: .*delivery = 'exactly_once'/);
    }
  });

  test("that are wrong say what is right", () => {
    expect(code({ ...source, strem: "S" })).toBe('OPTION_UNKNOWN: unknown option "strem"; did you mean "stream"?');
    const { stream: _, ...nothing } = source;
    expect(code({ ...nothing, strem: "S" })).toBe('OPTION_UNKNOWN: unknown option "strem"; did you mean "stream"?');
    expect(code(nothing)).toMatch(/^OPTION_MISSING: .*"stream".*"subject"/);
    expect(code({ ...source, subject: "s" })).toMatch(/^OPTION_CONFLICT/);
    expect(code({ ...source, queue_group: "g" })).toMatch(/^OPTION_UNKNOWN: .*a Core source/);
    expect(code({ ...source, message_id: "x" })).toMatch(/^OPTION_UNKNOWN: .*a JetStream sink/);
    expect(code({ ...source, start_sequence: "5" })).toMatch(/^OPTION_CONFLICT: .*by_start_sequence/);
    expect(code({ ...source, stream: "a.b" })).toMatch(/^OPTION_INVALID: .*stream/);
    expect(code({ ...source, format: "jsn" })).toMatch(/^OPTION_INVALID: .*"json"/);
    const { servers: _s, ...serverless } = source;
    expect(code(serverless)).toMatch(/^OPTION_MISSING: .*servers/);
    const { format: _f, ...formatless } = source;
    expect(code(formatless)).toMatch(/^OPTION_MISSING: .*format/);
    expect(code({ ...source, "rate_limit.messages_per_second": "5", "consumer.rate_limit": "5" })).toMatch(
      /^OPTION_CONFLICT/,
    );
  });

  test("of metadata columns", () => {
    const column = (key: string, type: "bigint" | "text"): ConnectionSchema => ({
      columns: [
        ...schema.columns,
        {
          name: "m",
          type: type === "text" ? { kind: "text" } : { kind: "integer", bits: 64, unsigned: false },
          nullable: true,
          metadataKey: key,
        },
      ],
    });
    expect(code(source, column("stream_sequence", "bigint"))).toBe("");
    expect(code(source, column("header.X-Id", "text"))).toBe("");
    expect(code(source, column("stream_sequence", "text"))).toMatch(/^SCHEMA_INVALID: .*BIGINT/);
    expect(code(source, column("strem_sequence", "bigint"))).toMatch(
      /^SCHEMA_INVALID: .*did you mean "stream_sequence"/,
    );
    const { stream: _, ...core } = source;
    expect(code({ ...core, subject: "s" }, column("stream_sequence", "bigint"))).toMatch(/^SCHEMA_INVALID: .*Core/);
    expect(code(sink, column("subject", "text"))).toMatch(/^SCHEMA_INVALID: .*sink/);
  });
});

describe("stored configuration", () => {
  test("comes back as it was, with secrets and variables unresolved", () => {
    const connection = connector.fromOptions(
      "t",
      sql(
        {
          ...source,
          servers: "{{ URL }}",
          "auth.type": "credentials",
          "auth.username": "u",
          "auth.password": "{{ P }}",
        },
        { URL: "x", P: "y" },
      ),
      schema,
    );
    expect(connection.description).toBe("NATS source, stream S");
    const config = parseOperatorConfig(connection.config);
    expect(config.connection.servers).toBe("{{ URL }}");
    expect(JSON.stringify(config.connection)).toContain("{{ P }}");
    const profile = connector.parseProfile(config.connection);
    expect(JSON.stringify(profile)).not.toContain("{{ P }}");
    expect(connector.configDescription(profile)).toBe("NATS at {{ URL }}");
    expect(connector.makeOperator(profile, connector.parseTable(config.table), config, schema).kind).toBe("source");
    expect(connector.parseTable(config.table)).toEqual(config.table);
  });

  test("of Arroyo is read, its defaults as unset", () => {
    const profile = connector.parseProfile({
      servers: "a:4222,b",
      authentication: { username: "u", password: "secret" },
    });
    expect(connector.configDescription(profile)).toBe("NATS at a:4222,b");
    const stored = {
      connectorType: {
        sourceType: {
          stream: "S",
          ackPolicy: "Explicit",
          ackWait: 300,
          numReplicas: 1,
          inactiveThreshold: 600,
          rateLimit: -1,
          maxAckPending: -1,
          maxDeliver: -1,
          maxWaiting: 1_000_000,
          maxBatch: 10_000,
          maxBytes: 104_857_600,
          maxExpires: 300_000,
          sampleFrequency: 0,
          filterSubjects: ["a", " b"],
          replayPolicy: "Instant",
        },
      },
    };
    expect(connector.parseTable(stored)).toEqual(
      connector.parseTable({ type: "jetstream-source", stream: "S", filterSubjects: ["a", "b"] }),
    );
    expect(connector.parseTable({ connectorType: { sourceType: { subject: "s" } } }).type).toBe("core-source");
    expect(connector.parseTable({ connectorType: { sinkType: { subject: "s" } } }).type).toBe("core-sink");
    expect(() => connector.parseTable({ type: "core-source" })).toThrow(/table\.subject/);
    expect(() =>
      connector.parseProfile({ servers: "a", authentication: { username: "u", pasword: "secret" } }),
    ).toThrow(expect.not.stringContaining("secret"));
  });

  test("is described by JSON Schemas that mark secrets", () => {
    const { connectionSchema, tableSchema } = connector.metadata();
    expect(JSON.stringify(connectionSchema)).toContain('"writeOnly":true');
    expect(JSON.stringify(tableSchema)).toContain("jetstream-source");
  });
});

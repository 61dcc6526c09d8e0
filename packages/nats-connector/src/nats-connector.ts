import {
  badDataFromOptions,
  badDataOptions,
  type CheckpointStore,
  type Connection,
  type ConnectionSchema,
  type Connector,
  ConnectorError,
  type ConnectorOptions,
  type ConstructedOperator,
  type Environment,
  type Format,
  framingFromOptions,
  framingOptions,
  type JsonObject,
  type OperatorConfig,
  type SourceSnapshot,
  type StateOptions,
} from "@x/connector-api";
import { resolveFormat } from "@x/formats";
import {
  type AuthStrategy,
  authFromOptions,
  builtinStrategies,
  openAuth,
  parseAuth,
  parseTls,
  resolveTls,
  tlsFromOptions,
} from "@x/nats-auth";
import { createKvCheckpoints } from "./checkpoints.js";
import type { LinkContext } from "./connection.js";
import * as connections from "./connection-config.js";
import { describeProfile } from "./describe-profile.js";
import type { DialAuthenticator } from "./dial-options.js";
import { type AckFloor, openAckFloor } from "./direct/ack-floor.js";
import { icon } from "./icon.js";
import { makeReplay } from "./inspect/make-replay.js";
import { moveSplit } from "./inspect/move-split.js";
import { withLink } from "./inspect/with-link.js";
import { decodeShared } from "./jetstream/shared-record.js";
import { decodeRecord } from "./jetstream/state-record.js";
import { makeOperator } from "./make-operator.js";
import { metadataColumns } from "./message-metadata.js";
import type { NatsClient } from "./nats-client.js";
import { compact, describeStored } from "./parse-stored.js";
import { createPayloadFormats, type PayloadFormat } from "./payload-formats.js";
import { createProfileConnections } from "./profile-connections.js";
import { splitNames } from "./source/splits.js";
import { parseTable, type TableConfig, tableSchema, tableTypeOf, withRateLimit } from "./table-config.js";
import { declareTableOptions, rateLimitFromOptions, tableFromOptions } from "./table-options.js";
import { metadataFieldsOf } from "./table-schema.js";

type Profile = connections.ConnectionConfig;

export interface NatsConnectorOptions {
  /** Authentication strategies beside the builtin ones. */
  readonly auth?: readonly AuthStrategy[];
  /** Formats beside the builtin ones. */
  readonly formats?: readonly Format[];
  /** An open connection to use instead of dialling; never closed by the connector. `servers` is then not needed. */
  readonly client?: NatsClient;
  /** Variables for `{{ NAME }}` in stored configuration. Default: `process.env`. */
  readonly environment?: Environment;
}

/** What this connector offers beyond the trait. */
export interface NatsConnector extends Connector<Profile, TableConfig> {
  /** Takes what says how to connect, and reports every other option as unknown. */
  profileFromOptions(options: ConnectorOptions): Profile;
  /** `location` is a KV bucket. */
  createCheckpoints(profile: Profile, location: string, options?: StateOptions): CheckpointStore;
  /** How far the durable consumers named after `pipeline` have acked what a table reads, as an incarnation of its own. */
  openAckFloor(
    profile: Profile,
    table: TableConfig,
    pipeline: string,
    context: LinkContext,
    pinned?: SourceSnapshot,
  ): Promise<AckFloor>;
}

/** What a running pipeline never needs is loaded when it is asked for: a start to the first row goes without it. */
const later = {
  autocomplete: () => import("./connection-test/autocomplete.js"),
  deadLetters: () => import("./dead-letter/dead-letter-box.js"),
  explain: () => import("./preflight/explain.js"),
  facts: () => import("./preflight/read-facts.js"),
  preflight: () => import("./preflight/preflight.js"),
  provision: () => import("./provision/create-missing.js"),
  tests: () => import("./connection-test/test-table.js"),
};

/** The connector behind `connector = 'nats'`, for hosts and engines. Does no I/O by itself; its operators connect. */
export function natsConnector(given: NatsConnectorOptions = {}): NatsConnector {
  const { auth: strategies = [], formats = [], environment = process.env } = given;
  const security: connections.ConnectionSecurity = {
    authFromOptions: (options) => authFromOptions(options, strategies),
    tlsFromOptions,
    checkAuth: (stored) => void parseAuth(stored, strategies),
    checkTls: parseTls,
  };
  const parseProfile = (value: unknown): Profile => connections.parseConnection(value, security);

  const { open, openOwn, dialler } = createProfileConnections({
    ...{ environment, client: given.client },
    async openAuthenticator(stored, report) {
      const opened = await openAuth(parseAuth(stored, strategies), { environment, report }, strategies);
      return opened as DialAuthenticator;
    },
    resolveTls(stored) {
      const tls = parseTls(stored);
      return tls && resolveTls(tls, environment);
    },
  });
  const payloads = createPayloadFormats((name) => resolveFormat(name, formats), environment);
  const toConnection = (
    id: string | undefined,
    name: string,
    schema: ConnectionSchema | undefined,
    config: Omit<OperatorConfig, "metadataFields">,
    table: TableConfig,
  ): Connection => {
    if (schema === undefined) throw new ConnectorError("SCHEMA_INVALID", `table "${name}" needs columns`);
    const metadataFields = metadataFieldsOf(schema);
    if (config.format !== undefined) payloads.check(table, config.format, metadataFields, schema);
    const type = tableTypeOf(table);
    const what = "stream" in table ? `stream ${table.stream}` : `subject ${table.subject}`;
    const operatorConfig: OperatorConfig = { ...config, metadataFields };
    return {
      ...{ id, connector: "nats", name, type, schema, operatorConfig, description: `NATS ${type}, ${what}` },
      get config() {
        return JSON.stringify(operatorConfig);
      },
    };
  };

  /** Without `servers` when the connection is handed in. */
  const pullConnection = (options: ConnectorOptions, profile: Profile | undefined): Profile => {
    const handedIn = given.client !== undefined && profile === undefined && !options.has("servers");
    const known = handedIn ? parseProfile({ servers: "handed-in" }) : profile;
    return connections.connectionFromOptions(options, security, known);
  };

  const operatorOf = (
    profile: Profile,
    table: TableConfig,
    config: OperatorConfig,
    schema: ConnectionSchema,
  ): ConstructedOperator => {
    if (config.format === undefined) throw new ConnectorError("OPTION_MISSING", "config.format is required");
    payloads.check(table, config.format, config.metadataFields, schema);
    return makeOperator(table, withRateLimit(config, table), schema, {
      name: "stream" in table ? table.stream : table.subject,
      connectTimeoutMs: profile.connectTimeoutMs,
      connect: (context) => open(profile, context.identity.pipeline, context),
      connectAlone: (context) => openOwn(profile, context.identity.pipeline, context),
      ...payloads.payload(config.format, schema),
    });
  };

  return {
    name: "nats",
    metadata: () => ({
      id: "nats",
      name: "NATS",
      description: "Reads and writes NATS Core subjects and JetStream streams",
      icon,
      source: true,
      sink: true,
      testing: true,
      customSchemas: true,
      connectionSchema: describeProfile([...builtinStrategies, ...strategies]),
      tableSchema: describeStored(tableSchema),
    }),
    metadataColumns: () => metadataColumns,
    parseProfile,
    parseTable,
    configDescription: connections.describeConnection,
    tableType: (_profile, table) => tableTypeOf(table),
    sourceCapabilities: (_profile, table) => ({
      replays: table.type === "jetstream-source",
      acks: table.type === "jetstream-source" && (table.ackPolicy === "all" || table.ackPolicy === "explicit"),
    }),
    splitTables(_profile, table) {
      if (table.type !== "jetstream-source" || table.ordering === "none") return undefined;
      return new Map(splitNames(table).map((only) => [only, { ...table, only }]));
    },
    keepsProgress: (_profile, table) => table.type === "jetstream-sink" && table.delivery === "exactly_once",
    readThrough(state) {
      if (state.ordering === "none") return decodeShared(state).floor;
      const { lastSeq, scannedSeq } = decodeRecord(state);
      return Math.max(lastSeq, scannedSeq);
    },
    getSchema: (_profile, _table, schema) => schema,
    fromOptions(name, options, schema, profile) {
      options.declare([...connections.connectionOptions, "format", ...badDataOptions]);
      options.pullOptionalString("connector");
      declareTableOptions(options);
      // Owners that declare names of their own come before the first required option: unknown is told before missing.
      const formatName = options.pullOptionalString("format");
      const format = formatName === undefined ? undefined : resolveFormat(formatName, formats);
      const formatOptions = format?.fromOptions(options);
      const connection = pullConnection(options, profile);
      const badData = badDataFromOptions(options);
      const table = tableFromOptions(options);
      const isSource = tableTypeOf(table) === "source";
      if (!isSource) options.declare(framingOptions, "a source");
      const reading = isSource
        ? { framing: framingFromOptions(options), rateLimit: rateLimitFromOptions(options) }
        : {};
      const type = format?.name ?? options.pullString("format");
      options.finish();
      const stored = { connection: connections.storeConnection(connection), table: table as unknown as JsonObject };
      const config = compact({ ...stored, format: { ...formatOptions, type }, badData, ...reading });
      return toConnection(undefined, name, schema, config as OperatorConfig, table);
    },
    fromConfig: (id, name, profile, table, schema) =>
      toConnection(
        id,
        name,
        schema,
        { connection: connections.storeConnection(profile), table: table as unknown as JsonObject },
        table,
      ),
    makeOperator: operatorOf,
    createMissing: async (plan, signal) => (await later.provision()).createMissing(plan, dialler, signal),
    async openDeadLetters(profile, place, signal) {
      const { openDeadLetterBox } = await later.deadLetters();
      return openDeadLetterBox(place, dialler(profile), signal);
    },
    makeReplay(plan, range) {
      if (plan.config.format === undefined) throw new ConnectorError("OPTION_MISSING", "config.format is required");
      const { openDecoder } = payloads.payload(plan.config.format, plan.schema);
      return makeReplay(plan, range, { connect: dialler(plan.profile).connect, openDecoder });
    },
    async *test(name, profile, table, schema, signal, config) {
      const { testTable } = await later.tests();
      const { format, metadataFields = [] } = config ?? {};
      const known = format !== undefined && schema !== undefined && config !== undefined;
      const opened = (): PayloadFormat => {
        if (!known) throw new ConnectorError("UNEXPECTED", "a format is opened that is not known");
        payloads.check(table, format, metadataFields, schema);
        return payloads.payload(format, schema);
      };
      yield* testTable(
        {
          ...{ name, table, schema, config },
          dialler: dialler(profile),
          compile: known ? () => void operatorOf(profile, table, config, schema) : undefined,
          openDecoder: (stop) => opened().openDecoder(stop),
          openEncoder: (stop) => opened().openEncoder(stop),
        },
        signal,
      );
    },
    async *testProfile(profile, signal) {
      yield* (await later.tests()).testConnection(dialler(profile), signal);
    },
    autocomplete: async (profile, signal) => (await later.autocomplete()).autocomplete(dialler(profile), signal),
    moveSplit: ({ name, profile, table }, state, place, signal) =>
      withLink(name, dialler(profile), signal, ({ api }) => moveSplit(api, table, state, place, signal)),
    async explain(plan, signal) {
      const [{ explainFacts }, { readFacts }] = await Promise.all([later.explain(), later.facts()]);
      return explainFacts(await readFacts(plan, dialler, signal));
    },
    async preflight(plan, signal) {
      const [{ judge }, { readFacts }] = await Promise.all([later.preflight(), later.facts()]);
      return judge(await readFacts(plan, dialler, signal));
    },
    profileFromOptions(options) {
      options.declare(connections.connectionOptions);
      const profile = pullConnection(options, undefined);
      options.finish();
      return profile;
    },
    async openAckFloor(profile, table, pipeline, context, pinned) {
      if (table.type !== "jetstream-source") throw new ConnectorError("UNEXPECTED", "only a stream can be acked");
      const link = await open(profile, pipeline, context);
      try {
        const { logger, signal } = context;
        return await openAckFloor({ link, table, pipeline, logger, signal, pinned });
      } catch (error) {
        await link.close();
        throw error;
      }
    },
    createCheckpoints(profile, bucket, options = {}) {
      const { connectTimeoutMs } = profile;
      const connection = { connectTimeoutMs, connect: (context: LinkContext) => openOwn(profile, bucket, context) };
      return createKvCheckpoints(connection, { ...options, bucket });
    },
  };
}

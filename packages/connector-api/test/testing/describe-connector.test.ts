import {
  type Connection,
  type ConnectionSchema,
  type Connector,
  type ConnectorOptions,
  defineSchema,
  type JsonObject,
  type OperatorConfig,
  parseOperatorConfig,
  type SinkOperator,
} from "../../src/index.js";
import { describeConnector } from "../../src/testing/index.js";

type Profile = { readonly token: string };

/** The smallest connector there is: a sink that forgets. */
const blackHole: Connector<Profile, JsonObject> = {
  name: "black-hole",
  metadata: () => ({
    id: "black-hole",
    name: "Black hole",
    description: "Takes rows and forgets them.",
    icon: "<svg/>",
    source: false,
    sink: true,
    testing: false,
    customSchemas: true,
    connectionSchema: { type: "object" },
    tableSchema: { type: "object" },
  }),
  metadataColumns: () => [],
  parseProfile: (value) => value as Profile,
  parseTable: (value) => value as JsonObject,
  configDescription: () => "nowhere",
  tableType: () => "sink",
  getSchema: (_profile, _table, schema) => schema,
  fromOptions(name, options: ConnectorOptions, schema?: ConnectionSchema): Connection {
    options.declare(["token", "horizon"]);
    const token = options.pullString("token");
    const horizon = options.pullInt("horizon") ?? 1;
    options.finish();
    return this.fromConfig(undefined, name, { token }, { horizon }, schema);
  },
  fromConfig(id, name, connection, table, schema = { columns: [] }) {
    const config: OperatorConfig = { connection, table, metadataFields: [] };
    const facts = { id, connector: "black-hole", name, type: "sink", description: "a black hole" } as const;
    return { ...facts, schema, config: JSON.stringify(parseOperatorConfig(config)) };
  },
  makeOperator: () => ({ kind: "sink", operator: forgetful }),
};

const forgetful: SinkOperator = {
  name: "forgetful",
  open: async () => ({}),
  processBatch: () => {},
  flush: async () => {},
  close: async () => {},
};

describeConnector("black hole", {
  connector: blackHole,
  environment: { TOKEN: "s3cret" },
  tables: [
    {
      type: "sink",
      options: { token: "{{ TOKEN }}", horizon: 5 },
      schema: defineSchema({ id: "BIGINT NOT NULL" }),
      secrets: ["s3cret"],
    },
  ],
});

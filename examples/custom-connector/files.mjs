// A connector of your own: files in a folder as source, a file as sink, one payload per line.
// As a plugin of the command: nats-pipeline run jobs.sql --plugin ./files.mjs, then connector = 'files'.
import {
  badDataFromOptions,
  badDataOptions,
  ConnectorError,
  didYouMean,
  failOnBadData,
  parseOperatorConfig,
  physicalSchema,
} from "@x/connector-api";
import { createFileSink } from "./file-sink.mjs";
import { createFolderSource, metadataColumns } from "./folder-source.mjs";

/**
 * @typedef {import("@x/connector-api").JsonObject} JsonObject
 * @typedef {{ readonly type: "source" | "sink", readonly path: string }} FilesTable what is stored of a table
 */

/**
 * @param {{ readonly formats: readonly import("@x/connector-api").Format[] }} host who runs it, and the formats there
 * @returns {import("@x/connector-api").Connector<JsonObject, FilesTable>}
 */
export function filesConnector({ formats }) {
  /** @param {string} name */
  const resolveFormat = (name) => {
    const format = formats.find((one) => one.name === name);
    if (format?.text || name === "raw_bytes") return /** @type {import("@x/connector-api").Format} */ (format);
    const names = formats.filter((one) => one.text || one.name === "raw_bytes").map((one) => one.name);
    const reason = format === undefined ? `got "${name}"${didYouMean(name, names)}` : "one payload must fit on a line";
    throw new ConnectorError("OPTION_INVALID", `option "format": expected one of ${names.join(", ")}; ${reason}`);
  };

  return {
    name: "files",
    metadata: () => ({
      id: "files",
      name: "Files",
      description: "Reads the lines of the files in a folder and appends lines to a file",
      icon: '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><path d="M3 1h7l3 3v11H3z" fill="#8a6"/></svg>',
      source: true,
      sink: true,
      testing: false,
      customSchemas: true,
      connectionSchema: { type: "object", properties: {}, additionalProperties: false },
      tableSchema: {
        type: "object",
        properties: {
          type: { enum: ["source", "sink"] },
          path: { type: "string", title: "Folder, or file of a sink" },
        },
        required: ["type", "path"],
        additionalProperties: false,
      },
    }),
    metadataColumns: () => metadataColumns,
    // A position outlives this process, and nothing is ever acknowledged to a file system.
    sourceCapabilities: () => ({ replays: true, acks: false }),

    // From what the user wrote to what is stored. Everything valid is declared first: then a misspelt option is told
    // before a missing one, with its place and a proposal.
    fromOptions(name, options, schema) {
      options.declare(["connector", "type", "path", "format", ...badDataOptions]);
      options.pullOptionalString("connector");
      const formatName = options.pullOptionalString("format");
      const format = formatName === undefined ? undefined : resolveFormat(formatName);
      const formatOptions = format?.fromOptions(options);
      const badData = badDataFromOptions(options);
      const path = options.pullString("path");
      const type = options.pullChoice("type", ["source", "sink"]);
      if (type === undefined) throw new ConnectorError("OPTION_MISSING", 'option "type" is required');
      const stored = { ...formatOptions, type: format?.name ?? options.pullString("format") };
      options.finish();
      return connectionOf(undefined, name, { type, path }, schema, { format: stored, badData });
    },
    fromConfig: (id, name, _profile, table, schema) => connectionOf(id, name, table, schema, {}),

    // From what is stored to typed values. Stored JSON may come from anywhere, so it is checked again.
    parseProfile: () => ({}),
    parseTable(value) {
      const { type, path } = Object(value);
      if ((type === "source" || type === "sink") && typeof path === "string" && path !== "") return { type, path };
      throw new ConnectorError("OPTION_INVALID", 'table: expected { type: "source" or "sink", path: a text }');
    },
    configDescription: () => "files of this machine",
    tableType: (_profile, table) => table.type,
    getSchema: (_profile, _table, schema) => schema,

    // From typed values to an operator. No I/O yet: that begins with its open().
    makeOperator(_profile, table, config, schema) {
      if (config.format === undefined) throw new ConnectorError("OPTION_MISSING", "config.format is required");
      const { type, ...stored } = config.format;
      const format = resolveFormat(type);
      const formatOptions = format.parse(stored);
      const columns = physicalSchema(schema);
      format.checkSchema?.(columns, formatOptions);
      const badData = config.badData ?? failOnBadData;
      if (table.type === "sink") {
        const openEncoder = () => format.openEncoder?.(formatOptions, { schema: columns });
        return { kind: "sink", operator: createFileSink({ file: table.path, badData, openEncoder }) };
      }
      const openDecoder = () => format.openDecoder?.(formatOptions, { schema: columns });
      const { metadataFields } = config;
      return {
        kind: "source",
        operator: createFolderSource({ folder: table.path, badData, openDecoder, metadataFields }),
      };
    },
  };
}

/** What --plugin takes: a list of connectors, or of functions that are given the host. */
export const connectors = [filesConnector];

/**
 * @param {string | undefined} id
 * @param {string} name
 * @param {FilesTable} table
 * @param {import("@x/connector-api").ConnectionSchema | undefined} schema
 * @param {Partial<import("@x/connector-api").OperatorConfig>} config
 * @returns {import("@x/connector-api").Connection}
 */
function connectionOf(id, name, table, schema, config) {
  if (schema === undefined) throw new ConnectorError("SCHEMA_INVALID", `table "${name}" needs columns`);
  const known = metadataColumns.map(({ key }) => key);
  const metadataFields = schema.columns.flatMap(({ name: fieldName, metadataKey: key }) => {
    if (key === undefined) return [];
    if (table.type === "source" && known.includes(key)) return [{ fieldName, key }];
    const reason = table.type === "sink" ? "a sink has no metadata" : `the keys are ${known.join(" and ")}`;
    throw new ConnectorError("SCHEMA_INVALID", `column "${fieldName}": METADATA FROM '${key}': ${reason}`);
  });
  const text = JSON.stringify(parseOperatorConfig({ ...config, connection: {}, table, metadataFields }));
  const description = table.type === "source" ? `files in ${table.path}` : `file ${table.path}`;
  return { id, connector: "files", name, type: table.type, schema, config: text, description };
}

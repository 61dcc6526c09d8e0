import { ConnectorOptions, parseOperatorConfig } from "@x/connector-api";
import { mergePermissions, natsConnector, type Permissions, permissionsOf } from "@x/nats-connector";
import { parseScript } from "@x/sql";

/** The permissions of every table of an SQL text, by the table's name. */
export async function pipelinePermissions(
  sql: string,
  environment: Record<string, string>,
): Promise<ReadonlyMap<string, Permissions>> {
  const connector = natsConnector({ environment });
  const { tables } = await parseScript(sql);
  return new Map(
    tables.map(({ name, options, schema }) => {
      const connection = connector.fromOptions(name, new ConnectorOptions(options, environment), schema);
      const { connection: profile, table, badData } = parseOperatorConfig(connection.config);
      const request = { profile: connector.parseProfile(profile), table: connector.parseTable(table), badData };
      return [name, permissionsOf(request)];
    }),
  );
}

/** `authorization` of a server where `app` may do exactly this, and `admin` (password `pw`, both) everything. */
export function authorizationFor(...permissions: readonly Permissions[]): string {
  const { publish, subscribe } = mergePermissions(permissions);
  const list = (subjects: readonly string[]): string => JSON.stringify(subjects);
  const allowed = `publish: { allow: ${list(publish)} }, subscribe: { allow: ${list(subscribe)} }`;
  return `authorization { users: [{ user: admin, password: pw }, { user: app, password: pw, permissions: { ${allowed} } }] }`;
}

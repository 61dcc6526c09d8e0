import {
  type Connector,
  ConnectorError,
  type Environment,
  type Format,
  isConnectorError,
  kindOf,
} from "@x/connector-api";
import { builtinFormats } from "@x/formats";
import { type AuthStrategy, builtinStrategies } from "@x/nats-auth";

/** What a plugin's connectors are given. */
export interface PluginHost {
  /** Variables for `{{ NAME }}`. */
  readonly environment: Environment;
  /** Every format that `format = '…'` may name: the builtin ones and those of all plugins. */
  readonly formats: readonly Format[];
}

/**
 * The shape of a module for `--plugin`: named exports, each a list, at least one of them. Connectors that need the host
 * are functions of it. Names must differ from each other's and from the builtin ones.
 */
export interface Plugin {
  readonly formats?: readonly Format[];
  readonly connectors?: readonly (Connector | ((host: PluginHost) => Connector))[];
  readonly auth?: readonly AuthStrategy[];
}

/** Everything that the plugins of one run bring, checked. */
export interface Extensions {
  readonly formats: readonly Format[];
  readonly connectors: readonly Connector[];
  readonly auth: readonly AuthStrategy[];
}

export const noExtensions: Extensions = { formats: [], connectors: [], auth: [] };

const lists = ["formats", "connectors", "auth"] as const;

/** Checks what a module exports. USAGE names the file, the place and what is wrong there. */
export function parsePlugin(exports: Readonly<Record<string, unknown>>, file: string): Plugin {
  const found = lists.filter((name) => exports[name] !== undefined);
  if (found.length === 0) {
    const names = Object.keys(exports);
    const came = names.length === 0 ? "nothing" : names.join(", ");
    throw pluginError(file, `expected an export named ${lists.join(", ")}; it exports ${came}`);
  }
  for (const name of found) {
    const list = exports[name];
    if (!Array.isArray(list)) throw pluginError(file, `${name}: expected an array, got ${kindOf(list)}`);
    for (const [i, item] of list.entries()) checkMembers(item, name, `${name}[${i}]`, file);
  }
  return Object.fromEntries(found.map((name) => [name, exports[name]])) as Plugin;
}

/** Puts the plugins together. USAGE when a connector cannot be made or two things have one name. */
export function combinePlugins(
  plugins: readonly { readonly file: string; readonly plugin: Plugin }[],
  environment: Environment,
): Extensions {
  const claim = createClaims();
  const formats = plugins.flatMap(({ file, plugin: { formats = [] } }) => {
    for (const format of formats) claim("format", format.name, file);
    return formats.map((format) => nameFailures(format, `format "${format.name}"`, file));
  });
  const auth = plugins.flatMap(({ file, plugin: { auth = [] } }) => {
    for (const strategy of auth) claim("auth strategy", strategy.type, file);
    return auth.map((strategy) => nameFailures(strategy, `auth strategy "${strategy.type}"`, file));
  });
  const host: PluginHost = { environment, formats: [...builtinFormats, ...formats] };
  const connectors = plugins.flatMap(({ file, plugin: { connectors = [] } }) =>
    connectors.map((given, i) => {
      const connector = typeof given === "function" ? makeConnector(given, host, i, file) : given;
      claim("connector", connector.name, file);
      return nameFailures(connector, `connector "${connector.name}"`, file);
    }),
  );
  return { formats, connectors, auth };
}

function makeConnector(make: (host: PluginHost) => Connector, host: PluginHost, i: number, file: string): Connector {
  const at = `connectors[${i}]`;
  let made: unknown;
  try {
    made = make(host);
  } catch (cause) {
    throw pluginError(file, `${at}: the function threw: ${cause instanceof Error ? cause.message : cause}`, cause);
  }
  checkMembers(made, "connectors", `${at}()`, file);
  return made as Connector;
}

/**
 * The same, but an error of its methods that has no code is a defect of the plugin and names it. They run on the plugin's
 * own object, which may be frozen or have private members.
 */
function nameFailures<Item extends object>(item: Item, what: string, file: string): Item {
  return new Proxy(Object.create(item) as Item, {
    get(_, key) {
      const member: unknown = Reflect.get(item, key);
      if (typeof member !== "function") return member;
      return (...args: readonly unknown[]): unknown => {
        try {
          return Reflect.apply(member, item, args);
        } catch (cause) {
          if (isConnectorError(cause)) throw cause;
          const said = cause instanceof Error ? cause.message : cause;
          throw pluginError(file, `${what}: ${String(key)} threw: ${said}`, cause);
        }
      };
    },
  });
}

/** The members that the command relies on; a connector may be a function that makes one. */
const members = {
  formats: { name: "string", text: "boolean", fromOptions: "function", parse: "function" },
  connectors: { name: "string", fromOptions: "function", parseProfile: "function", makeOperator: "function" },
  auth: { type: "string", fromOptions: "function", parse: "function", open: "function" },
} as const;

function checkMembers(item: unknown, list: (typeof lists)[number], at: string, file: string): void {
  if (list === "connectors" && typeof item === "function" && !at.endsWith("()")) return;
  if (kindOf(item) !== "object") throw pluginError(file, `${at}: expected an object, got ${kindOf(item)}`);
  for (const [name, type] of Object.entries(members[list])) {
    const member: unknown = Reflect.get(item as object, name);
    if (typeof member === type && member !== "") continue;
    const expected = type === "string" ? "a text that is not empty" : `a ${type}`;
    throw pluginError(file, `${at}.${name}: expected ${expected}, got ${kindOf(member)}`);
  }
}

/** Refuses a second owner of a name. */
function createClaims(): (kind: string, name: string, file: string) => void {
  const owners = new Map<string, string>([
    ...builtinFormats.map(({ name }) => [`format ${name}`, "builtin"] as const),
    ...builtinStrategies.map(({ type }) => [`auth strategy ${type}`, "builtin"] as const),
    ["connector nats", "builtin"],
  ]);
  return (kind, name, file) => {
    const owner = owners.get(`${kind} ${name}`);
    if (owner !== undefined) {
      const whose = owner === "builtin" ? "is builtin" : `also comes from ${owner}`;
      throw pluginError(file, `the ${kind} "${name}" ${whose}; give one of them another name`);
    }
    owners.set(`${kind} ${name}`, file);
  };
}

export function pluginError(file: string, message: string, cause?: unknown): ConnectorError {
  return new ConnectorError("USAGE", `--plugin ${file}: ${message}`, {
    context: { file },
    ...(cause === undefined ? {} : { cause }),
  });
}

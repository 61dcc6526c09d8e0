import { ConnectorError, type ConnectorOptions, didYouMean, kindOf } from "@x/connector-api";
import type { AuthContext, Authenticator, AuthStrategy, StoredAuth } from "./auth-strategy.js";
import { type AuthConfig, builtinStrategies } from "./builtin-strategies.js";
import { fieldOf } from "./secret-source.js";

/**
 * A strategy of any configuration. Each one only ever gets what its own `parse` gave, which is what makes the erasure
 * sound.
 */
type AnyStrategy = AuthStrategy<never> | AuthStrategy;

/**
 * Pulls `auth.type` and the options of the strategy it names; stored form out. Strategies of one's own are handed in
 * beside the builtin ones. Throws OPTION_INVALID listing the types, and OPTION_CONFLICT for an option of another type.
 */
export function authFromOptions(options: ConnectorOptions, custom: readonly AnyStrategy[] = []): StoredAuth {
  const strategies = allStrategies(custom);
  const owners = optionOwners(strategies);
  options.declare(["auth.type", ...owners.keys()]);
  const written = options.pullOptionalString("auth.type");
  const types = strategies.map(({ type }) => type);
  const type = options.pullChoice("auth.type", types) ?? builtinStrategies[0].type;
  const strategy = find(type, strategies) as AnyStrategy;
  for (const [option, belongsTo] of owners) {
    if (!options.has(option) || strategy.optionNames.includes(option)) continue;
    const right = belongsTo.map((type) => `auth.type = "${type}"`).join(" or ");
    throw new ConnectorError(
      "OPTION_CONFLICT",
      `option "${option}" belongs to ${right}, but auth.type is "${type}"${written === undefined ? " (the default)" : ""}`,
      { place: options.placeOf(option), context: { option } },
    );
  }
  return strategy.fromOptions(options);
}

/**
 * Parses stored authentication: `{ type, … }`, Arroyo's untagged shapes (`{}`, `{ username, password }`,
 * `{ jwt, nkey_seed }`), or nothing at all for no authentication.
 */
export function parseAuth(stored: unknown): AuthConfig;
export function parseAuth(stored: unknown, custom: readonly AnyStrategy[]): AuthConfig | { readonly type: string };
export function parseAuth(stored: unknown, custom: readonly AnyStrategy[] = []): { readonly type: string } {
  const strategies = allStrategies(custom);
  const fields = stored ?? {};
  if (typeof fields !== "object" || Array.isArray(fields)) {
    throw new ConnectorError("OPTION_INVALID", `auth: expected an object, got ${kindOf(stored)}`);
  }
  const { type } = fields as { type?: unknown };
  const strategy = type === undefined ? findUntagged(fields, strategies) : find(type, strategies);
  if (strategy !== undefined) {
    refuseForeign(strategy, fields, strategies);
    return strategy.parse(fields);
  }
  const types = strategies.map((candidate) => candidate.type);
  const expected = `expected one of ${types.map((name) => `"${name}"`).join(", ")}`;
  if (typeof type !== "string") {
    throw new ConnectorError("OPTION_INVALID", `auth.type: ${expected}, got ${kindOf(type)}`);
  }
  throw new ConnectorError("OPTION_INVALID", `auth.type: ${expected}, got "${type}"${didYouMean(type, types)}`);
}

/** Opens the authenticator of a parsed configuration. */
export function openAuth(
  config: AuthConfig | { readonly type: string },
  context: AuthContext,
  custom: readonly AnyStrategy[] = [],
): Promise<Authenticator> {
  const strategy = find(config.type, allStrategies(custom)) as AuthStrategy | undefined;
  if (strategy !== undefined) return strategy.open(config, context);
  throw new ConnectorError("OPTION_INVALID", `auth.type: no strategy "${config.type}" was handed in`);
}

function allStrategies(custom: readonly AnyStrategy[]): readonly AnyStrategy[] {
  return [...builtinStrategies, ...custom];
}

function find(type: unknown, strategies: readonly AnyStrategy[]): AnyStrategy | undefined {
  return strategies.find((candidate) => candidate.type === type);
}

/** Every option of every strategy, with the types it belongs to. */
function optionOwners(strategies: readonly AnyStrategy[]): ReadonlyMap<string, readonly string[]> {
  const owners = new Map<string, string[]>();
  for (const { type, optionNames } of strategies) {
    for (const name of optionNames) owners.set(name, [...(owners.get(name) ?? []), type]);
  }
  return owners;
}

/** Fields of two kinds at once are no typing error but an open question: which one is meant? */
function findUntagged(fields: object, strategies: readonly AnyStrategy[]): AnyStrategy | undefined {
  const matching = strategies.filter((each) => each.matchesUntagged?.(fields as { [field: string]: unknown }));
  const [first, second] = matching;
  if (first === undefined || second === undefined) return first;
  throw new ConnectorError(
    "OPTION_CONFLICT",
    `auth: has fields of both "${first.type}" and "${second.type}"; give one kind, or auth.type and only its fields`,
  );
}

/** A field that this strategy does not have but another one does: two kinds at once, both named. */
function refuseForeign(strategy: AnyStrategy, fields: object, strategies: readonly AnyStrategy[]): void {
  const own = new Set(strategy.optionNames.map(fieldOf));
  for (const [key, value] of Object.entries(fields)) {
    const field = fieldOf(`auth.${key}`);
    if (value === undefined || value === null || own.has(field)) continue;
    const others = strategies.filter(({ optionNames }) => optionNames.map(fieldOf).includes(field));
    if (others.length === 0) continue;
    const right = others.map(({ type }) => `auth.type = "${type}"`).join(" or ");
    throw new ConnectorError("OPTION_CONFLICT", `auth.${key} belongs to ${right}, but auth.type is "${strategy.type}"`);
  }
}

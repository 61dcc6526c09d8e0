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
  const foreign = [...owners.keys()].filter((option) => options.has(option) && !strategy.optionNames.includes(option));
  if (foreign.length > 0) throw foreignOption(foreign, owners, { type, written: written !== undefined }, options);
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

/** An option of another kind of authentication than `auth.type` says; without `auth.type` perhaps of two others. */
function foreignOption(
  foreign: readonly string[],
  owners: ReadonlyMap<string, readonly string[]>,
  { type, written }: { readonly type: string; readonly written: boolean },
  options: ConnectorOptions,
): ConnectorError {
  const ownersOf = (option: string): readonly string[] => owners.get(option) ?? [];
  const [option = "", ...others] = foreign;
  const other = others.find((each) => !ownersOf(each).some((owner) => ownersOf(option).includes(owner)));
  const text =
    written || other === undefined
      ? `option "${option}" belongs to ${typesOf(ownersOf(option))}, but auth.type is "${type}"${written ? "" : " (the default)"}`
      : `options "${option}" and "${other}" belong to two kinds of authentication, ${typesOf(ownersOf(option))} and ${typesOf(ownersOf(other))}; give one kind, with its auth.type`;
  return new ConnectorError("OPTION_CONFLICT", text, { place: options.placeOf(option), context: { option } });
}

function typesOf(types: readonly string[]): string {
  return types.map((type) => `auth.type = "${type}"`).join(" or ");
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
    const right = typesOf(others.map(({ type }) => type));
    throw new ConnectorError("OPTION_CONFLICT", `auth.${key} belongs to ${right}, but auth.type is "${strategy.type}"`);
  }
}

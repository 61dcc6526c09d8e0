import type { AuthStrategy } from "./auth-strategy.js";
import { credentials } from "./strategies/credentials.js";
import { jwt } from "./strategies/jwt.js";
import { none } from "./strategies/none.js";

/** Every strategy of this package: one file and one line each. The first one is the default. */
export const builtinStrategies = [none, credentials, jwt] as const;

type ConfigOf<Strategy> = Strategy extends AuthStrategy<infer Config> ? Config : never;

/** The parsed configuration of any builtin strategy. Secrets in it are wrapped; it prints and stringifies without them. */
export type AuthConfig = ConfigOf<(typeof builtinStrategies)[number]>;

/** Words that DESIGN §4 reserves for strategies still to come, with the options they will take. */
export const laterStrategies: Readonly<Record<string, readonly string[]>> = {
  token: ["auth.token", "auth.token_file"],
  nkey: ["auth.nkey_seed", "auth.nkey_seed_file"],
  creds: ["auth.creds", "auth.creds_file"],
};

import type { AuthStrategy } from "./auth-strategy.js";
import { credentials } from "./strategies/credentials.js";
import { creds } from "./strategies/creds.js";
import { jwt } from "./strategies/jwt.js";
import { nkey } from "./strategies/nkey.js";
import { none } from "./strategies/none.js";
import { token } from "./strategies/token.js";

/** Every strategy of this package: one file and one line each. The first one is the default. */
export const builtinStrategies = [none, credentials, jwt, token, nkey, creds] as const;

type ConfigOf<Strategy> = Strategy extends AuthStrategy<infer Config> ? Config : never;

/** The parsed configuration of any builtin strategy. Secrets in it are wrapped; it prints and stringifies without them. */
export type AuthConfig = ConfigOf<(typeof builtinStrategies)[number]>;

export type { AuthStrategySubject } from "./describe-auth-strategy.js";
export { describeAuthStrategy } from "./describe-auth-strategy.js";
export type { AuthOptions, AuthTestConnection, AuthTestServer } from "./server-laws.js";

export type { AuthStrategySubject } from "./describe-auth-strategy.js";
export { describeAuthStrategy } from "./describe-auth-strategy.js";

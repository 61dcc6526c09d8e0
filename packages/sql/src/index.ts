// For users: read a script, plan its queries, run them.
export type { TableDefinition } from "./create-table.js";
export type { Expression } from "./expression.js";
export type { QueryDefinition, SelectItem } from "./insert-select.js";
export type { Script } from "./parse-script.js";
export { parseScript } from "./parse-script.js";
export type { QueryPlan } from "./plan-query.js";
export { planQuery } from "./plan-query.js";

/** What needs DuckDB: loaded only for a query that does. */
export { describeDuckdbQuery } from "./duckdb-query.js";
export { createDuckdbTransform } from "./duckdb-transform.js";

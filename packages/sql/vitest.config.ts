import { defineConfig } from "vitest/config";

/** A DuckDB is opened for each random case, on machines that do other things as well. */
export default defineConfig({ test: { name: "@x/sql", testTimeout: 60_000 } });

import { defineConfig } from "vitest/config";

/** Tests start processes and read the whole repository on a machine that does other things as well. */
export default defineConfig({ test: { testTimeout: 60_000, hookTimeout: 60_000 } });

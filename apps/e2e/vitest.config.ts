import { defineConfig } from "vitest/config";

/** Whole pipelines against real servers take their time. */
export default defineConfig({
  test: { name: "e2e", testTimeout: 180_000, hookTimeout: 60_000, expect: { poll: { timeout: 20_000 } } },
});

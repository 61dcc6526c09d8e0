import { defineConfig } from "vitest/config";

/** Tests start real servers on a machine that does other things as well: patience is no speed limit. */
export default defineConfig({
  test: { testTimeout: 120_000, hookTimeout: 60_000, expect: { poll: { timeout: 20_000 } } },
});

import { defineConfig } from "vitest/config";

/** One run over all rooms: a project per folder, so that `vitest run --project @x/formats` runs one alone. */
export default defineConfig({
  test: {
    projects: ["packages/*", "apps/*", "examples", "tooling/repo-checks", "tooling/nats-server"],
    // Tests start servers and measure nothing; two files at once are enough for two cores.
    maxWorkers: 2,
  },
});

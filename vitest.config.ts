import { defineConfig } from "vitest/config";

/** One run over all rooms: a project per folder, so that `vitest run --project @x/formats` runs one alone. */
export default defineConfig({
  test: {
    projects: ["packages/*", "apps/*", "tooling/repo-checks", "tooling/nats-server"],
    passWithNoTests: false,
  },
});

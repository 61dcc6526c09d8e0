import { defineConfig } from "vitest/config";

/** Random schemas by the hundred, and payloads by the ten thousand, on machines that do other things as well. */
export default defineConfig({ test: { name: "@x/formats", testTimeout: 1_200_000 } });

import { test } from "vitest";
import { readThroughFaults } from "./long-read.js";
import { withStreams } from "./stream-fixture.js";

const fixture = withStreams();

test("a million messages, cut and restarted at random: each one once, in order", async () => {
  await readThroughFaults(fixture, 1_000_000, Date.now());
}, 1_200_000);

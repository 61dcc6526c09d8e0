import { test } from "vitest";
import { readThroughFaults } from "./long-read.js";
import { withStreams } from "./stream-fixture.js";

const fixture = withStreams();

test("100,000 messages, cut and restarted at random: each one once, in order", async () => {
  await readThroughFaults(fixture, 100_000, 20_260_131);
}, 240_000);

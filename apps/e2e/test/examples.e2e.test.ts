import { fileURLToPath } from "node:url";
import { startNatsServer } from "@x/nats-testkit";
import { expect, test } from "vitest";
import { runCli } from "../src/run-cli.js";
import { openStreams } from "../src/streams.js";
import { openWorkFolder } from "../src/work-folder.js";

const example = fileURLToPath(new URL("../../../examples/late-flights.sql", import.meta.url));

test("examples/late-flights.sql runs as it stands", async () => {
  using folder = openWorkFolder();
  await using server = await startNatsServer();
  await using streams = await openStreams(server.url);
  await streams.add("FLIGHTS", "flights.>");
  await streams.add("LATE", "late.>");
  await streams.fill("flights.us", [
    { delay: 60, distance: 100, time: 0.5 },
    { delay: 61, distance: 200, time: 1 },
  ]);
  const result = await runCli(["run", example, "--until-caught-up", "--json"], {
    cwd: folder.path,
    env: { NATS_URL: server.url },
  });
  expect(result.exitCode, result.stderr).toBe(0);
  expect(await streams.rows("LATE")).toEqual([{ delay: 61, distance: 200 }]);
});

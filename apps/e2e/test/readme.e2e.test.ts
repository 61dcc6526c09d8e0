import { setTimeout as sleep } from "node:timers/promises";
import { startNatsServer } from "@x/nats-testkit";
import { expect, test } from "vitest";
import { codeBlocksOf } from "../src/code-blocks.js";
import { runCli } from "../src/run-cli.js";
import { runTypeScript } from "../src/run-typescript.js";
import { openStreams } from "../src/streams.js";
import { openWorkFolder } from "../src/work-folder.js";

test("the SQL of the README runs and gives what it says", async () => {
  const [sql = ""] = codeBlocksOf("README.md", "sql");
  using folder = openWorkFolder();
  await using server = await startNatsServer();
  await using streams = await openStreams(server.url);
  await streams.add("FLIGHTS", "flights.>");
  await streams.add("LATE", "late.>");
  await streams.fill("flights.us", [
    { delay: 5, distance: 100, time: 0.5 },
    { delay: 61, distance: 200, time: 1 },
    { delay: 600, distance: 300, time: 2.5 },
  ]);
  const result = await runCli(["run", folder.write("late.sql", sql), "--until-caught-up", "--json"], {
    cwd: folder.path,
    env: { NATS_URL: server.url },
  });
  expect(result.exitCode, result.stderr).toBe(0);
  expect(result.pipelines).toMatchObject([{ name: "late", rowsIn: 3, rowsOut: 2 }]);
  expect(await streams.rows("LATE")).toEqual([
    { delay: 61, distance: 200 },
    { delay: 600, distance: 300 },
  ]);
});

test("the TypeScript of the README runs as it stands", async () => {
  const [code = ""] = codeBlocksOf("README.md", "ts");
  await using server = await startNatsServer();
  await using streams = await openStreams(server.url);
  await streams.add("ORDERS", "orders.>");
  await streams.add("BILLS", "bills.>");
  const order = (id: number): object => ({ id, customer: `c${id % 3}`, total: id / 2 });
  await streams.fill("orders.new", [order(1), order(2), order(3)]);

  using script = runTypeScript(code, { NATS_URL: server.url });
  const until = async (count: number): Promise<void> => {
    for (let i = 0; i < 200 && (await streams.count("BILLS")) < count; i++) await sleep(50);
    expect(await streams.count("BILLS"), script.output()).toBe(count);
  };
  await until(3);
  await streams.fill("orders.new", [order(4)]);
  await until(4);
  expect(await streams.rows("BILLS")).toEqual([order(1), order(2), order(3), order(4)]);
});

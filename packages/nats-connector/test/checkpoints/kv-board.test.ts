import { type NatsServer, startNatsServer } from "@x/nats-testkit";
import { afterAll, beforeAll, expect, it } from "vitest";
import { openStore } from "./kv-fixture.ts";

let server: NatsServer;

beforeAll(async () => {
  server = await startNatsServer();
});
afterAll(() => server[Symbol.asyncDispose]());

it("a group's board is replaced by one of two that read the same, is no checkpoint, and outlives its server", async () => {
  await using one = openStore(server.url, "BOARD", { create: true });
  await using other = openStore(server.url, "BOARD");
  const [here, there] = [one.board?.("p q"), other.board?.("p q")];
  const first = await here?.read();
  expect(first?.text).toBeUndefined();
  const same = await there?.read();
  if (first === undefined || same === undefined) throw new Error("no board");
  expect(await here?.replace(first, "one")).toBe(true);
  expect(await there?.replace(same, "two")).toBe(false);
  const second = await there?.read();
  expect(second?.text).toBe("one");
  const replacing = second && there?.replace(second, "three");
  await server.kill();
  await server.restart();
  expect([true, false]).toContain(await replacing);
  expect(["one", "three"]).toContain((await here?.read())?.text);
  await one.claim("p q", "instance");
  expect(await one.list("p q")).toEqual([]);
  expect(await other.pipelines()).toEqual(["p q"]);
});

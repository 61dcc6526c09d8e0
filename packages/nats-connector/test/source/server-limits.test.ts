import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startNatsServer } from "@x/nats-testkit";
import { connect } from "nats";
import { expect, test } from "vitest";
import { createHost, sharedSource, streamSource } from "./source-host.js";
import { range } from "./stream-fixture.js";

test("a server that allows less per pull than the table asks for is asked for that", async () => {
  const store = mkdtempSync(join(tmpdir(), "limits-"));
  const config = `jetstream { store_dir: ${JSON.stringify(store)}, limits { max_request_batch: 7 } }`;
  await using server = await startNatsServer({ config });
  const client = await connect({ servers: server.url });
  const jsm = await client.jetstreamManager();
  await jsm.streams.add({ name: "S", subjects: ["S.>"] });
  for (const value of range(1, 50)) await client.jetstream().publish("S.a", value);
  for (const source of [streamSource(server.url, { stream: "S" }), sharedSource(server.url, { stream: "S" })]) {
    const one = createHost(source, { untilCaughtUp: true });
    await one.open();
    expect(await one.run()).toBe("final");
    expect(one.values()).toEqual(range(1, 50));
    await one.source.close();
  }
  await client.close();
  rmSync(store, { recursive: true, force: true });
});

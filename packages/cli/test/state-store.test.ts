import { silentLogger } from "@x/connector-api";
import { expect, test } from "vitest";
import { planPipelines } from "../src/plan-pipelines.ts";
import { openStateStore } from "../src/state-store.ts";

const sql = `CREATE TABLE a (n INT) WITH (connector = 'nats', servers = '127.0.0.1:1', type = 'source', stream = 'A', format = 'json');
SELECT n FROM a;`;

test.each(["file:", "nats-kv:", "nats-kv", "s3://bucket", ""])(
  "--state %j is refused with what would work",
  (state) => {
    expect(() => openStateStore(state, [], silentLogger)).toThrow(
      `--state: expected file:DIR, memory: or nats-kv:BUCKET; got "${state}"`,
    );
  },
);

test("a bucket is reached through a table with connector = 'nats'", async () => {
  expect(() => openStateStore("nats-kv:STATE", [], silentLogger)).toThrow(/no table .* has connector = 'nats'/);
  const pipelines = await planPipelines({
    text: sql,
    name: "job",
    environment: {},
    profiles: {},
    extensions: { formats: [], connectors: [], auth: [] },
  });
  const store = openStateStore("nats-kv:STATE", pipelines, silentLogger);
  expect(store.description).toBe("nats-kv:STATE");
  await store.close();
});

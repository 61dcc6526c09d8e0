import { describeCheckpointStore } from "@x/connector-api/testing";
import { type NatsServer, startNatsServer } from "@x/nats-testkit";
import { headers } from "nats";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { natsKvCheckpoints } from "../../src/direct/nats-kv-checkpoints.ts";
import { type Observer, observe } from "../sink/sink-fixture.ts";
import { at, bucketConfig, openStore } from "./kv-fixture.ts";

let server: NatsServer;
let observer: Observer;

beforeAll(async () => {
  server = await startNatsServer();
  observer = await observe(server.url);
});
afterAll(async () => {
  await observer.client.close();
  await server[Symbol.asyncDispose]();
});

describeCheckpointStore("nats-kv", () => natsKvCheckpoints({ servers: server.url, bucket: "SUITE", create: true }), {
  durable: true,
});

const open = (bucket: string, more: object = {}) => openStore(server.url, bucket, more);
const keysOf = async (bucket: string): Promise<string[]> => {
  const info = await observer.api(`STREAM.INFO.KV_${bucket}`, { subjects_filter: ">" });
  const { subjects = {} } = info.state as { subjects?: Record<string, number> };
  return Object.keys(subjects)
    .map((subject) => subject.slice(`$KV.${bucket}.`.length))
    .sort();
};

describe("the bucket", () => {
  it("must exist, unless it is to be made", async () => {
    const absent = open("ABSENT");
    await expect(absent.claim("p", "one")).rejects.toMatchObject({
      code: "STREAM_NOT_FOUND",
      exitCode: 2,
      message: expect.stringContaining("nats kv add ABSENT"),
    });
    await using made = open("ABSENT", { create: true });
    await made.claim("p", "one");
    // The store that failed finds it at its next call.
    expect(await absent.claim("p", "two")).toMatchObject({ epoch: 2 });
    await absent.close();
  });

  it.each([
    ["entries that expire", { max_age: 60_000_000_000 }, "without --ttl"],
    ["memory for storage", { storage: "memory" }, "--storage=file"],
    ["a limit that drops what is old", { max_bytes: 100_000, discard: "old" }, '"discard": "new"'],
    ["other subjects", { subjects: ["elsewhere"] }, 'does not capture "$KV.UNSOUND.>"'],
    ["a seal", { sealed: true }, "sealed"],
    ["a mirror", { mirror: { name: "KV_SUITE" }, subjects: undefined, discard: "old" }, "mirror"],
  ])("is refused with %s", async (_, config, remedy) => {
    const { sealed, ...made } = config as { sealed?: boolean };
    await observer.createStream(bucketConfig("UNSOUND", made));
    if (sealed) await observer.api("STREAM.UPDATE.KV_UNSOUND", { ...bucketConfig("UNSOUND"), sealed });
    await using opened = open("UNSOUND");
    await expect(opened.claim("p", "one")).rejects.toMatchObject({
      code: "CAPABILITY_MISSING",
      exitCode: 2,
      message: expect.stringContaining(remedy),
    });
    await observer.api("STREAM.DELETE.KV_UNSOUND");
  });

  it("needs a name that a bucket can have", () => {
    expect(() => open("a.b")).toThrow(/bucket: expected letters, digits/);
  });
});

describe("entries", () => {
  it("are a claim and three checkpoints per pipeline, readable by people", async () => {
    await using opened = open("KEYS", { create: true });
    const identity = await opened.claim("orders.eu", "one");
    for (const id of [0, 1, 2, 3, 4]) await opened.write(at(identity, id));
    expect(await keysOf("KEYS")).toEqual([
      "orders=2Eeu.1-2",
      "orders=2Eeu.1-3",
      "orders=2Eeu.1-4",
      "orders=2Eeu.claim",
    ]);
    const claim = await observer.client.request(
      "$JS.API.STREAM.MSG.GET.KV_KEYS",
      JSON.stringify({ last_by_subj: "$KV.KEYS.orders=2Eeu.claim" }),
    );
    const { message } = claim.json<{ message: { data: string } }>();
    expect(JSON.parse(Buffer.from(message.data, "base64").toString())).toEqual({ v: 1, ...identity });
    const state = await observer.stateOf("KV_KEYS");
    expect(state.messages).toBe(4);
  });

  it("that are damaged are passed over and named; when all are, people decide", async () => {
    await using store = open("DAMAGED", { create: true });
    const identity = await store.claim("p", "one");
    for (const id of [1, 2, 3]) await store.write(at(identity, id));
    await observer.client.request("$KV.DAMAGED.p.1-3", '{"v":1,"pipe');
    const warnings: string[] = [];
    const warn = (message: string): void => void warnings.push(message);
    expect(await store.latest("p", warn)).toMatchObject({ checkpointId: 2 });
    expect(warnings).toEqual(["nats-kv:DAMAGED/p.1-3 is damaged: it is no JSON; it is passed over"]);
    expect(await store.list("p")).toEqual([1, 2].map((checkpointId) => ({ epoch: 1, checkpointId })));
    await expect(store.read("p", { epoch: 1, checkpointId: 3 })).rejects.toMatchObject({ code: "STATE_INVALID" });
    await observer.client.request("$KV.DAMAGED.p.1-2", JSON.stringify(at(identity, 9)));
    await observer.client.request("$KV.DAMAGED.p.1-1", JSON.stringify({ ...at(identity, 1), epoch: -1 }));
    await expect(store.latest("p", warn)).rejects.toMatchObject({
      code: "STATE_INVALID",
      message: expect.stringContaining("all 3 checkpoints"),
    });
  });

  it("of a later version stop everything: going back behind them would break their promise", async () => {
    await using opened = open("NEWER", { create: true });
    const identity = await opened.claim("p", "one");
    await opened.write(at(identity, 1));
    await observer.client.request("$KV.NEWER.p.1-2", JSON.stringify({ ...at(identity, 2), v: 2 }));
    const latest = opened.latest("p", () => {});
    await expect(latest).rejects.toMatchObject({ code: "STATE_INVALID", context: { newerVersion: 2 } });
    await observer.client.request("$KV.NEWER.p.claim", JSON.stringify({ ...identity, v: 2 }));
    await expect(opened.claim("p", "two")).rejects.toThrow(/version 2 .* run a later one/);
  });

  it("deleted by people: a claim is made anew behind the checkpoints, one under way is missed", async () => {
    await using store = open("DELETED", { create: true });
    let identity = await store.claim("p", "one");
    identity = await store.claim("p", "two");
    await store.write(at(identity, 5));
    const marker = headers();
    marker.set("KV-Operation", "DEL");
    await observer.client.request("$KV.DELETED.p.claim", undefined, { timeout: 5000, headers: marker });
    await expect(store.holder("p")).rejects.toMatchObject({ code: "STATE_STORE", retry: "never" });
    expect(await store.claim("p", "three")).toEqual({ ...identity, epoch: 3, instanceId: "three" });
    await observer.client.request("$KV.DELETED.p.claim", "nonsense");
    await expect(store.claim("p", "four")).rejects.toThrow(/p\.claim is damaged/);
  });
});

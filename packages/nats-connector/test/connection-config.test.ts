import { describe, expect, test } from "vitest";
import { resolveServers } from "../src/connection-config.js";

describe("servers", () => {
  test("are hosts with or without a port and a scheme, from variables too", () => {
    const { servers, wantsTls } = resolveServers("nats-1, nats-2:4333 ,nats://{{ HOST }}:1,[::1]:4222", { HOST: "h" });
    expect(servers).toEqual(["nats-1", "nats-2:4333", "h:1", "[::1]:4222"]);
    expect(wantsTls).toBe(false);
  });

  test("ask for TLS with tls://, also a single one of them", () => {
    expect(resolveServers("nats-1,tls://nats-2", {})).toEqual({ servers: ["nats-1", "nats-2"], wantsTls: true });
  });

  test.each([
    ["ws://nats:8080", /"ws:\/\/" cannot be dialled by the NATS client for Node; .* wsconnect of @nats-io\/nats-core/],
    ["nats-1,wss://nats:443/path", /"wss:\/\/" cannot be dialled .* hand it in as client/],
    ["http://nats:8222", /"http:\/\/" is not supported; use nats:\/\/ or tls:\/\//],
    ["nats://app:geheim@nats", /give it as "auth\.username" and "auth\.password"/],
    ["nats://geheim@nats", /holds a user/],
    ["a b", /expected host, host:port/],
    ["", /expected host, host:port/],
  ])("refuses %s and never shows a user", (servers, message) => {
    expect(() => resolveServers(servers, {})).toThrow(message);
    expect(() => resolveServers(servers, {})).not.toThrow(/geheim/);
  });
});

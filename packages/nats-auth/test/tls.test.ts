import { ConnectorOptions } from "@x/connector-api";
import type { TlsOptions as NatsTlsOptions } from "nats";
import { describe, expect, test } from "vitest";
import { parseTls, resolveTls, tlsFromOptions } from "../src/index.ts";

const pull = (tls: object) => tlsFromOptions(ConnectorOptions.fromObject({ tls }));

describe("tls", () => {
  test("is off unless asked for", () => {
    expect(pull({})).toBeUndefined();
    expect(pull({ enabled: false })).toBeUndefined();
    expect(parseTls(null)).toBeUndefined();
    expect(pull({ enabled: true })).toEqual({ enabled: true });
  });

  test("maps to the client's options, with variables resolved at the end", () => {
    const options = ConnectorOptions.fromObject(
      { tls: { caFile: "{{ DIR }}/ca.pem", certFile: "c", keyFile: "k", handshakeFirst: true, serverName: "nats" } },
      { DIR: "/etc" },
    );
    const stored = tlsFromOptions(options);
    expect(stored).toMatchObject({ enabled: true, caFile: "{{ DIR }}/ca.pem" });
    const resolved: NatsTlsOptions = resolveTls(stored ?? { enabled: true }, { DIR: "/opt" });
    expect(resolved).toEqual({
      caFile: "/opt/ca.pem",
      certFile: "c",
      keyFile: "k",
      handshakeFirst: true,
      servername: "nats",
    });
    expect(() => resolveTls({ enabled: true, caFile: "{{ DIR }}" }, {})).toThrow("DIR");
  });

  test.each([
    [{ certFile: "c" }, '"tls.cert_file" needs "tls.key_file"'],
    [{ enabled: false, ca_file: "c" }, '"tls.ca_file" is given, but tls.enabled is false'],
    [{ enabled: "yes" }, "tls.enabled: expected true or false, got string"],
    [{ caFile: 5 }, "tls.caFile: expected text, got integer"],
    [{ ca: "x" }, "tls.ca: no such field; valid are enabled, handshakeFirst, caFile, certFile, keyFile, serverName"],
    ["on", "tls: expected an object, got string"],
  ])("refuses %j", (stored, message) => {
    expect(() => parseTls(stored)).toThrow(message);
  });
});

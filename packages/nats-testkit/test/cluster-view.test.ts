import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "nats";
import { expect, it } from "vitest";
import {
  type Certificate,
  createCertificateAuthority,
  createClusterView,
  startNatsCluster,
  startNatsServer,
} from "../src/index.ts";

it("takes a monitoring port that speaks something else for one that does not answer", async () => {
  const monitor = createServer((_, response) => response.end("<html>nothing to see here</html>"));
  await once(monitor.listen(0, "127.0.0.1"), "listening");
  const address = { host: "127.0.0.1", port: (monitor.address() as AddressInfo).port };
  const member = { name: "n1", client: address, monitor: address, isReachable: () => true, log: () => "its log" };
  const view = createClusterView([member]);
  await expect(view.whenCurrent(200)).rejects.toThrow(/waited 200 ms for all reachable nodes.*\nn1:\nits log/);
  expect(await view.nodeOfClient("who")).toBeUndefined();
  monitor.close();
});

it("finds a cluster current that asks for TLS and a certificate, makes its leaders step down, and leaves no stream", async () => {
  const folder = mkdtempSync(join(tmpdir(), "cluster-tls-"));
  const authority = createCertificateAuthority();
  const write = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return JSON.stringify(join(folder, name));
  };
  const { cert, key }: Certificate = authority.issue();
  const config = `tls {
    cert_file: ${write("cert.pem", cert)}, key_file: ${write("key.pem", key)}, ca_file: ${write("ca.pem", authority.cert)}
    verify: true
  }`;
  const client = { ca: authority.cert, ...authority.issue() };
  await using cluster = await startNatsCluster({ config, tls: client });
  const connection = await connect({ servers: [...cluster.urls], tls: client });
  const manager = await connection.jetstreamManager();
  await manager.streams.add({ name: "S", subjects: ["s"], num_replicas: 3 });
  const leader = await cluster.leaderOf("S");
  expect((await cluster.stepDown("S")).name).not.toBe(leader.name);
  expect(await manager.streams.names().next()).toEqual(["S"]);

  // Who has no certificate is told, at once; and cannot tell whether a stream finds room.
  const stranger = createClusterView(cluster.nodes);
  await expect(stranger.stepDown("S")).rejects.toThrow(/the server wants TLS, expected the option tls/);
  await stranger.whenCurrent();
  await connection.close();
  rmSync(folder, { recursive: true });
}, 120_000);

it("starts a server whose accounts have JetStream, on a line of its own too", async () => {
  await using server = await startNatsServer({
    config: `accounts {
  # One of them; "jetstream" would be enough { of it.
  APP {
    jetstream: enabled
    users: [{ user: "app", password: "{" }]
  }
}
`,
  });
  const connection = await connect({ servers: server.url, user: "app", pass: "{" });
  await (await connection.jetstreamManager()).streams.add({ name: "S", subjects: ["s"] });
  await connection.close();
});

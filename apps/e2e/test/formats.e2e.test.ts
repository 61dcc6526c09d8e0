import { createServer, type RequestListener } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { type ConnectionSchema, defineSchema, type Encoder, type Row } from "@x/connector-api";
import { avro, json, protobuf } from "@x/formats";
import { type Certificate, createCertificateAuthority, startNatsServer } from "@x/nats-testkit";
import { expect, test } from "vitest";
import { runCli } from "../src/run-cli.js";
import { openStreams, type Streams } from "../src/streams.js";
import { openWorkFolder } from "../src/work-folder.js";

const schema = defineSchema({ n: "BIGINT NOT NULL", big: "BIGINT", note: "TEXT" });
const columns = "n BIGINT NOT NULL, big BIGINT, note TEXT";
const rows: Row[] = Array.from({ length: 500 }, (_, i) => ({
  n: i,
  big: i % 2 === 0 ? 2n ** 60n + BigInt(i) : null,
  note: i % 3 === 0 ? `né ${i} 😀` : null,
}));
const kept = rows.filter(({ n }) => (n as number) % 5 === 0);
const order = fileURLToPath(new URL("../fixtures/formats/order.proto", import.meta.url));

interface Case {
  readonly name: string;
  /** WITH options of both tables; those of the sink alone. */
  readonly options: string;
  readonly sink?: string;
  readonly write: (registry: string) => Promise<Encoder>;
  readonly read: (registry: string, payloads: readonly Uint8Array[]) => Promise<Row[]>;
}

const registryOptions = (subject: string, url: string) => ({
  schemaRegistry: { endpoint: url, subject, autoRegister: true },
});
type Opened = typeof avro | typeof protobuf | typeof json;

function decodeWith(format: Opened, stored: object) {
  return async (payloads: readonly Uint8Array[], given: ConnectionSchema = schema): Promise<Row[]> => {
    const decoder = await format.openDecoder(format.parse(stored) as never, { schema: given });
    const found: Row[] = [];
    for (const payload of payloads) {
      await decoder.prepare?.(payload);
      decoder.decode(payload, found);
    }
    return found;
  };
}

function plain(name: string, format: Opened, stored: object, options: string): Case {
  return {
    name,
    options,
    write: () => format.openEncoder(format.parse(stored) as never, { schema }),
    read: (_url, payloads) => decodeWith(format, stored)(payloads),
  };
}

function registered(name: string, format: Opened, stored: object, options: string): Case {
  return {
    name,
    options: `${options}, 'schema_registry.endpoint' = '{{ REGISTRY }}', 'schema_registry.bearer_token' = '{{ TOKEN }}'`,
    sink: ", 'schema_registry.subject' = 'out-value', 'schema_registry.auto_register' = true",
    write: (url) =>
      format.openEncoder(format.parse({ ...stored, ...registryOptions("in-value", url) }) as never, { schema }),
    read: (url, payloads) => decodeWith(format, { ...stored, ...registryOptions("out-value", url) })(payloads),
  };
}

const proto = 'syntax = "proto3"; message Order { int64 n = 1; optional int64 big = 2; optional string note = 3; }';
const cases: readonly Case[] = [
  plain("avro, container", avro, {}, "format = 'avro'"),
  plain("avro, raw datums", avro, { rawDatums: true }, "format = 'avro', 'avro.raw_datums' = true"),
  plain("avro, single object", avro, { singleObject: true }, "format = 'avro', 'avro.single_object' = true"),
  plain(
    "protobuf",
    protobuf,
    { schemaFile: order, messageName: "shop.Order" },
    `format = 'protobuf', 'proto.schema_file' = '${order}', 'proto.message_name' = 'shop.Order'`,
  ),
  plain(
    "protobuf, length delimited",
    protobuf,
    { schemaFile: order, messageName: "shop.Order", lengthDelimited: true },
    `format = 'protobuf', 'proto.schema_file' = '${order}', 'proto.message_name' = 'shop.Order', 'proto.length_delimited' = true`,
  ),
  registered("json with a registry", json, {}, "format = 'json', 'json.confluent_schema_registry' = true"),
  registered("avro with a registry", avro, {}, "format = 'avro', 'avro.confluent_schema_registry' = true"),
  registered(
    "protobuf with a registry",
    protobuf,
    { schema: proto, messageName: "Order" },
    `format = 'protobuf', 'proto.confluent_schema_registry' = true, 'proto.schema' = '${proto}', 'proto.message_name' = 'Order'`,
  ),
];

test.each(cases)("$name: source, WHERE, sink through the command", async ({ options, sink = "", write, read }) => {
  using folder = openWorkFolder();
  await using server = await startNatsServer();
  await using streams = await openStreams(server.url);
  await using registry = await startRegistry();
  await streams.add("INPUT", "in.rows");
  await streams.add("OUTPUT", "out.rows");
  const encoder = await write(registry.url);
  for (const row of rows) await streams.connection.jetstream().publish("in.rows", encoder.encode(row));
  const file = folder.write(
    "job.sql",
    `CREATE TABLE input (${columns})
WITH (connector = 'nats', servers = '{{ NATS_URL }}', type = 'source', stream = 'INPUT', ${options});
CREATE TABLE output (${columns})
WITH (connector = 'nats', servers = '{{ NATS_URL }}', type = 'sink', stream = 'OUTPUT', subject = 'out.rows', ${options}${sink});
INSERT INTO output SELECT n, big, note FROM input WHERE n % 5 = 0;
`,
  );
  const env = { NATS_URL: server.url, REGISTRY: registry.url, TOKEN: "t0ken" };
  const result = await runCli(["run", file, "--state", "memory:", "--until-caught-up", "--json"], {
    env,
    cwd: folder.path,
  });
  expect(result.exitCode, result.stderr).toBe(0);
  expect(result.pipelines).toMatchObject([{ rowsIn: rows.length, rowsOut: kept.length, badRows: 0 }]);
  expect(await read(registry.url, await payloadsOf(streams, kept.length))).toEqual(kept);
  expect(result.stdout + result.stderr).not.toContain("t0ken");
});

async function payloadsOf(streams: Streams, count: number): Promise<Uint8Array[]> {
  const found: Uint8Array[] = [];
  const consumer = await streams.connection.jetstream().consumers.get("OUTPUT");
  for await (const message of await consumer.consume({ max_messages: count })) {
    found.push(message.data);
    if (found.length === count) break;
  }
  return found;
}

test("a registry over TLS is trusted by schema_registry.ca_file, and not without it", async () => {
  using folder = openWorkFolder();
  const authority = createCertificateAuthority();
  await using server = await startNatsServer();
  await using streams = await openStreams(server.url);
  await using registry = await startRegistry(authority.issue());
  await streams.add("INPUT", "in.rows");
  const caFile = folder.write("ca.pem", authority.cert);
  const settings = { endpoint: registry.url, subject: "in-value", autoRegister: true, caFile };
  const encoder = await avro.openEncoder(avro.parse({ schemaRegistry: settings }), { schema });
  await streams.connection.jetstream().publish("in.rows", encoder.encode(rows[0] as Row));
  const run = async (more: string) => {
    const file = folder.write(
      "job.sql",
      `CREATE TABLE input (${columns}) WITH (connector = 'nats', servers = '{{ NATS_URL }}', type = 'source', stream = 'INPUT',
format = 'avro', 'avro.confluent_schema_registry' = true, 'schema_registry.endpoint' = '{{ REGISTRY }}'${more});
SELECT n, note FROM input;
`,
    );
    const env = { NATS_URL: server.url, REGISTRY: registry.url, CA: caFile };
    return await runCli(["run", file, "--state", "memory:", "--until-caught-up"], { env, cwd: folder.path });
  };
  const trusted = await run(", 'schema_registry.ca_file' = '{{ CA }}'");
  expect(trusted.exitCode, trusted.stderr).toBe(0);
  expect(JSON.parse(trusted.stdout)).toEqual({ n: 0, note: "né 0 😀" });
  const refused = await run("");
  expect(refused.exitCode).toBe(7);
  expect(refused.stderr).toContain("schema_registry.ca_file names the authorities to trust");
});

/** A registry in a few lines: registers, and gives by id and by subject. With a certificate over TLS. */
async function startRegistry(certificate?: Certificate): Promise<AsyncDisposable & { readonly url: string }> {
  const schemas: { subject: string; schema: string; schemaType?: string }[] = [];
  const listener: RequestListener = (request, response) => {
    const [, kind, name = "", third = ""] = (request.url ?? "").split("/");
    let text = "";
    request.on("data", (chunk: Buffer) => {
      text += chunk;
    });
    request.on("end", () => {
      if (request.method === "POST") schemas.push({ subject: name, ...(JSON.parse(text) as { schema: string }) });
      const index = kind === "schemas" ? Number(third) - 1 : schemas.findLastIndex(({ subject }) => subject === name);
      const found = schemas[index];
      response.writeHead(found === undefined ? 404 : 200, { "content-type": "application/json" });
      response.end(JSON.stringify(found === undefined ? { error_code: 40403 } : { ...found, id: index + 1 }));
    });
  };
  const server = certificate === undefined ? createServer(listener) : createTlsServer(certificate, listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http${certificate === undefined ? "" : "s"}://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

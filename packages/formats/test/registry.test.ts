import {
  type ConnectionSchema,
  ConnectorOptions,
  defineSchema,
  type Format,
  isConnectorError,
  type Row,
  Secret,
} from "@x/connector-api";
import { describe, expect, test } from "vitest";
import { avro, json, protobuf } from "../src/index.ts";
import { createRegistryClient } from "../src/schema/registry-client.ts";
import { type RegistryServer, startRegistryServer } from "./registry-server.ts";

const client = (server: RegistryServer, more: object = {}) =>
  createRegistryClient({ endpoint: server.url, retryDelayMs: 1, timeoutMs: 2000, ...more });
async function failure(run: Promise<unknown>): Promise<string> {
  const error = await run.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (isConnectorError(error)) return `${error.code}: ${error.message}`;
  throw error;
}
const type: string = '{"type":"record","name":"R","fields":[{"name":"n","type":"long"}]}';

describe("the client", () => {
  test("asks once for what is asked at the same time, and keeps it when the registry is gone", async () => {
    await using server = await startRegistryServer();
    const id = server.add("s", type);
    const registry = client(server);
    const found = await Promise.all([registry.byId(id), registry.byId(id), registry.byId(id)]);
    expect(found.map((one) => one.schema)).toEqual([type, type, type]);
    server.intercept = (_request, response) => {
      response.destroy();
      return true;
    };
    expect((await registry.byId(id)).schema).toBe(type);
    expect(server.requests).toEqual([`GET /schemas/ids/${id}`]);
  });

  test("believes for a while that there is none, then asks again", async () => {
    await using server = await startRegistryServer();
    const registry = client(server, { missingForMs: 600_000 });
    expect(await failure(registry.byId(7))).toContain("has no such schema (40403)");
    expect(await failure(registry.byId(7))).toContain("40403");
    expect(server.requests).toHaveLength(1);
    const forgetful = client(server, { missingForMs: 10 });
    expect(await failure(forgetful.byId(7))).toContain("40403");
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(await failure(forgetful.byId(7))).toContain("40403");
    expect(server.requests).toHaveLength(3);
    expect(await failure(registry.bySubject("none"))).toContain("SCHEMA_INVALID: the schema registry 127.0.0.1");
  });

  test("keeps no more than it may", async () => {
    await using server = await startRegistryServer();
    const ids = [1, 2, 3].map((n) => server.add(`s${n}`, `${type} `.repeat(n)));
    const registry = client(server, { maxKept: 2 });
    for (const id of [...ids, ids[2], ids[0]]) await registry.byId(id as number);
    expect(server.requests).toHaveLength(4);
  });

  test("registers, and is told what is invalid", async () => {
    await using server = await startRegistryServer();
    const registry = client(server);
    const id = await registry.register("s", "AVRO", type);
    expect(await registry.register("s", "AVRO", type)).toBe(id);
    expect((await registry.bySubject("s")).id).toBe(id);
    expect(await failure(registry.register("s", "AVRO", "invalid"))).toContain("refused the schema as invalid (42201)");
  });

  test("tries again after 5xx, 429 and no answer; gives up with SERVER_UNAVAILABLE", async () => {
    await using server = await startRegistryServer();
    const id = server.add("s", type);
    const answers = [503, 429, 0];
    server.intercept = (_request, response) => {
      const status = answers.shift();
      if (status === undefined) return false;
      if (status !== 0) response.writeHead(status).end("busy");
      return true;
    };
    expect((await client(server).byId(id)).id).toBe(id);
    server.intercept = (_request, response) => {
      response.writeHead(500).end("<html>secret</html>");
      return true;
    };
    const text = await failure(client(server).byId(id));
    expect(text).toContain("SERVER_UNAVAILABLE");
    expect(text).toContain("did not answer in 4 attempts: status 500");
    expect(text).not.toContain("secret");
  });

  test("basic and bearer, and refusals that show neither", async () => {
    await using server = await startRegistryServer();
    const id = server.add("s", type);
    const seen: (string | undefined)[] = [];
    server.intercept = (request, response) => {
      seen.push(request.headers.authorization);
      if (request.headers.authorization !== undefined) return false;
      response.writeHead(401, { "content-type": "application/json" }).end('{"error_code":401}');
      return true;
    };
    await client(server, { username: "u", password: new Secret("p:w") }).byId(id);
    await client(server, { bearerToken: new Secret("tok") }).byId(id);
    expect(seen).toEqual([`Basic ${Buffer.from("u:p:w").toString("base64")}`, "Bearer tok"]);
    expect(await failure(client(server).byId(id))).toContain("AUTH_FAILED");
    server.intercept = (_request, response) => {
      response.writeHead(403).end();
      return true;
    };
    const text = await failure(client(server, { bearerToken: new Secret("tok") }).byId(id));
    expect(text).toContain("PERMISSION_DENIED");
    expect(text).not.toContain("tok");
    expect(() => createRegistryClient({ endpoint: "http://u:secret@h" })).toThrow(/without credentials/);
  });

  test("follows redirects on its host only, and refuses what is no registry", async () => {
    await using server = await startRegistryServer();
    await using other = await startRegistryServer();
    const id = server.add("s", type);
    const redirect =
      (target: string): RegistryServer["intercept"] =>
      (request, response) => {
        if (request.url?.startsWith("/moved/") === true) {
          request.url = request.url.slice("/moved".length);
          return false;
        }
        response.writeHead(307, { location: `${target}${request.url}` }).end();
        return true;
      };
    server.intercept = redirect("/moved");
    expect((await client(server).byId(id)).id).toBe(id);
    server.intercept = redirect(other.url);
    expect(await failure(client(server, { bearerToken: new Secret("t") }).byId(id + 1))).toContain(
      "redirects to another host",
    );
    expect(other.requests).toEqual([]);
    server.intercept = (_request, response) => {
      response.writeHead(200, { "content-type": "text/html" }).end("<p>");
      return true;
    };
    expect(await failure(client(server).byId(1))).toContain("answered with text/html and status 200; expected JSON");
    server.intercept = (_request, response) => {
      response.writeHead(200, { "content-type": "application/json" }).end(`"${"x".repeat(2000)}"`);
      return true;
    };
    expect(await failure(client(server, { maxBytes: 1000, attempts: 1 }).byId(1))).toContain("larger than 1000 bytes");
    expect(await failure(client(server).byId(2))).toContain("its answer is no schema");
  });
});

describe("formats with a registry", () => {
  const schema = defineSchema({ n: "BIGINT NOT NULL", s: "TEXT" });
  const open = async <T extends object>(format: Format<never>, bag: object, columns: ConnectionSchema = schema) => {
    const options = ConnectorOptions.fromObject(bag, {});
    const parsed = format.fromOptions(options);
    options.finish();
    const context = { schema: columns, environment: { TOKEN: "t" } };
    return {
      decoder: await format.openDecoder?.(parsed, context),
      encoder: () => format.openEncoder?.(parsed, context),
      parsed,
    } as unknown as {
      decoder: import("@x/connector-api").Decoder;
      encoder: () => Promise<import("@x/connector-api").Encoder>;
      parsed: T;
    };
  };
  const read = async (decoder: import("@x/connector-api").Decoder, payload: Uint8Array): Promise<Row> => {
    await decoder.prepare?.(payload);
    const rows: Row[] = [];
    decoder.decode(payload, rows);
    return rows[0] as Row;
  };
  const registry = (server: RegistryServer) => ({
    endpoint: server.url,
    subject: "s-value",
    autoRegister: true,
    bearerToken: "{{ TOKEN }}",
  });
  const proto =
    'syntax = "proto3"; package p; message Other { message Deep { int64 n = 1; } } message R { int64 n = 1; optional string s = 2; }';

  test.each([
    ["avro", avro, { avro: { confluentSchemaRegistry: true } }],
    ["json", json, { json: { confluentSchemaRegistry: true } }],
    ["protobuf", protobuf, { proto: { confluentSchemaRegistry: true, schema: proto, messageName: "p.R" } }],
  ] as const)("%s: registers, writes the id, and reads it back", async (_name, format, options) => {
    await using server = await startRegistryServer();
    const reading = open(format as unknown as Format<never>, { ...options, schemaRegistry: { endpoint: server.url } });
    const { parsed } = await open<never>(format as unknown as Format<never>, {
      ...options,
      schemaRegistry: { endpoint: server.url },
    });
    const stored = { ...(parsed as object), schemaRegistry: registry(server) };
    const encoder = await (format as unknown as Format<never>).openEncoder?.(stored as never, {
      schema,
      environment: { TOKEN: "t" },
    });
    const row = { n: 2n ** 60n, s: "x" };
    const payload = encoder?.encode(row) as Uint8Array;
    expect(payload[0]).toBe(0);
    expect(Buffer.from(payload).readUInt32BE(1)).toBe(100_001);
    expect(await read((await reading).decoder, payload)).toEqual(row);
    expect(JSON.stringify(parsed)).not.toContain("Bearer");
  });

  test("avro: an older writer's record, an unknown id, no id, and a registry that is down", async () => {
    await using server = await startRegistryServer();
    const id = server.add("s", type);
    const { decoder } = await open(avro as never, {
      avro: { confluentSchemaRegistry: true },
      schemaRegistry: { endpoint: server.url },
    });
    const payload = Buffer.concat([
      Buffer.from([0]),
      Buffer.from(Uint32Array.of(id).buffer).swap32(),
      Buffer.from([4]),
    ]);
    expect(await read(decoder, payload)).toEqual({ n: 2, s: null });
    expect(decoder.prepare?.(payload)).toBeUndefined();
    const unknown = Uint8Array.from([0, 0, 0, 0, 9, 4]);
    expect(await failure(read(decoder, unknown))).toContain("BAD_DATA: the payload's schema id 9");
    expect(await failure(read(decoder, Uint8Array.from([1, 2])))).toContain(
      "BAD_DATA: the payload does not begin with a schema id",
    );
    server.intercept = (_request, response) => {
      response.writeHead(403).end();
      return true;
    };
    expect(await failure(read(decoder, Uint8Array.from([0, 0, 0, 0, 8, 4])))).toContain("PERMISSION_DENIED");
    expect(await read(decoder, payload)).toEqual({ n: 2, s: null });
  });

  test("references of both binary formats are followed", async () => {
    await using server = await startRegistryServer();
    server.add("inner", '{"type":"record","name":"n.Inner","fields":[{"name":"x","type":"int"}]}');
    const outer = '{"type":"record","name":"n.R","fields":[{"name":"i","type":"Inner"}]}';
    const id = server.add("outer", outer, "AVRO", [{ name: "n.Inner", subject: "inner", version: 1 }]);
    const columns = defineSchema({ i: "STRUCT<x INT>" });
    const a = await open(
      avro as never,
      { avro: { confluentSchemaRegistry: true }, schemaRegistry: { endpoint: server.url } },
      columns,
    );
    const head = Buffer.concat([Buffer.from([0]), Buffer.from(Uint32Array.of(id).buffer).swap32()]);
    expect(await read(a.decoder, Buffer.concat([head, Buffer.from([6])]))).toEqual({ i: { x: 3 } });

    server.add("p-inner", 'syntax = "proto3"; package n; message Inner { int32 x = 1; }', "PROTOBUF");
    const text =
      'syntax = "proto3"; package n; import "inner.proto"; message First {} message R { message I { Inner i = 1; } }';
    const pid = server.add("p", text, "PROTOBUF", [{ name: "inner.proto", subject: "p-inner", version: 1 }]);
    const p = await open(
      protobuf as never,
      { proto: { confluentSchemaRegistry: true }, schemaRegistry: { endpoint: server.url } },
      columns,
    );
    const start = Buffer.concat([Buffer.from([0]), Buffer.from(Uint32Array.of(pid).buffer).swap32()]);
    // Indexes [1, 0]: the first message in the second.
    expect(await read(p.decoder, Buffer.concat([start, Buffer.from([4, 2, 0, 0x0a, 2, 8, 3])]))).toEqual({
      i: { x: 3 },
    });
    expect(await failure(read(p.decoder, Buffer.concat([start, Buffer.from([2, 18])])))).toContain(
      "has no message at index 9",
    );
  });

  test("refused combinations are named", async () => {
    const given = (bag: object) =>
      open(avro as never, bag).then(
        () => "",
        (error: Error) => error.message,
      );
    expect(await given({ schemaRegistry: { endpoint: "http://h" } })).toContain(
      "applies only to avro.confluent_schema_registry = true",
    );
    const flag = { avro: { confluentSchemaRegistry: true } };
    expect(await given({ ...flag, schemaRegistry: { endpoint: "http://h", password: "p" } })).toContain(
      '"schema_registry.password" needs "schema_registry.username"',
    );
    expect(
      await given({ ...flag, schemaRegistry: { endpoint: "http://h", username: "u", bearerToken: "t" } }),
    ).toContain("exclude each other");
    expect(await given({ avro: { schema: type, schemaFile: "x" } })).toContain(
      'options "avro.schema" and "avro.schemaFile" exclude each other',
    );
  });
});

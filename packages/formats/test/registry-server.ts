import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

type Handler = (request: IncomingMessage, response: ServerResponse) => boolean;

/** A registry that answers as Confluent's does, over real HTTP. */
export interface RegistryServer extends AsyncDisposable {
  readonly url: string;
  /** `METHOD path` of every request. */
  readonly requests: string[];
  /** Answers before the registry does; true when it has. */
  intercept: Handler | undefined;
  add(subject: string, schema: string, type?: string, references?: object[]): number;
}

interface Stored {
  readonly id: number;
  readonly schema: string;
  readonly schemaType: string;
  readonly references: object[];
}

export async function startRegistryServer(): Promise<RegistryServer> {
  const subjects = new Map<string, Stored[]>();
  const requests: string[] = [];
  let nextId = 100_001;
  const send = (response: ServerResponse, status: number, body: object): void => {
    response.writeHead(status, { "content-type": "application/vnd.schemaregistry.v1+json" });
    response.end(JSON.stringify(body));
  };
  const fail = (response: ServerResponse, status: number, code: number): void =>
    send(response, status, { error_code: code, message: "not found, or refused" });
  const add: RegistryServer["add"] = (subject, schema, schemaType = "AVRO", references = []) => {
    const versions = subjects.get(subject) ?? [];
    subjects.set(subject, versions);
    const known = versions.find((one) => one.schema === schema);
    if (known !== undefined) return known.id;
    versions.push({ id: nextId, schema, schemaType, references });
    return nextId++;
  };
  const describe = ({ id, schema, schemaType, references }: Stored): object => ({
    id,
    schema,
    ...(schemaType !== "AVRO" && { schemaType }),
    ...(references.length > 0 && { references }),
  });
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`);
    if (result.intercept?.(request, response) === true) return;
    const path = (request.url ?? "").split("/").map(decodeURIComponent);
    if (path[1] === "schemas") {
      const found = [...subjects.values()].flat().find((one) => one.id === Number(path[3]));
      return found === undefined ? fail(response, 404, 40403) : send(response, 200, describe(found));
    }
    const subject = path[2] ?? "";
    if (request.method === "GET") {
      const versions = subjects.get(subject);
      if (versions === undefined) return fail(response, 404, 40401);
      const found = path[4] === "latest" ? versions.at(-1) : versions[Number(path[4]) - 1];
      return found === undefined ? fail(response, 404, 40402) : send(response, 200, describe(found));
    }
    let text = "";
    request.on("data", (chunk: Buffer) => {
      text += chunk;
    });
    request.on("end", () => {
      const { schema, schemaType } = JSON.parse(text) as { schema: string; schemaType?: string };
      if (schema.includes("invalid")) fail(response, 422, 42201);
      else send(response, 200, { id: add(subject, schema, schemaType) });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const result: RegistryServer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    intercept: undefined,
    add,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return result;
}

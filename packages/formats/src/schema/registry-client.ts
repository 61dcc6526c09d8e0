import { ConnectorError, type Secret } from "@x/connector-api";
import { type HttpAnswer, sendRequest } from "./http-request.js";

export type SchemaType = "AVRO" | "JSON" | "PROTOBUF";

export interface SchemaReference {
  readonly name: string;
  readonly subject: string;
  readonly version: number;
}

/** A schema as the registry keeps it. */
export interface RegisteredSchema {
  /** Absent in the answer to a reference; never needed there. */
  readonly id: number;
  readonly type: SchemaType;
  readonly schema: string;
  readonly references: readonly SchemaReference[];
}

export interface RegistryClient {
  /** The schema with an id. Ids never change, so an answer is kept; that there is none is kept for a while. */
  byId(id: number): Promise<RegisteredSchema>;
  /** The latest schema of a subject, or a version of it, which is kept. */
  bySubject(subject: string, version?: number): Promise<RegisteredSchema>;
  /** Registers a schema, or finds it registered; the id either way. */
  register(subject: string, type: SchemaType, schema: string): Promise<number>;
}

export interface RegistryOptions {
  readonly endpoint: string;
  readonly username?: string | undefined;
  readonly password?: Secret | undefined;
  readonly bearerToken?: Secret | undefined;
  /** PEM of authorities to trust instead of the system's. */
  readonly ca?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** For one answer. Default 5 s. */
  readonly timeoutMs?: number;
  /** Attempts at an answer that may come later. Default 4, 100 ms apart and doubling. */
  readonly attempts?: number;
  readonly retryDelayMs?: number;
  /** Largest answer. Default 4 MiB. */
  readonly maxBytes?: number;
  /** Schemas kept. Default 1000. */
  readonly maxKept?: number;
  /** How long "no such schema" is believed. Default 60 s. */
  readonly missingForMs?: number;
}

const media = "application/vnd.schemaregistry.v1+json";
const maxRedirects = 3;

/**
 * A client for a Confluent schema registry: three calls and no more. Equal questions at the same time are asked once.
 * Throws SCHEMA_INVALID for what the registry does not have or refuses, AUTH_FAILED and PERMISSION_DENIED (401, 403),
 * SERVER_UNAVAILABLE when it does not answer after all attempts. No message holds a credential or a body.
 */
export function createRegistryClient(options: RegistryOptions): RegistryClient {
  const { attempts = 4, retryDelayMs = 100, maxKept = 1000, missingForMs = 60_000 } = options;
  const base = parseEndpoint(options.endpoint);
  const kept = new Map<string, RegisteredSchema>();
  const missing = new Map<string, { readonly until: number; readonly error: unknown }>();
  const asked = new Map<string, Promise<RegisteredSchema>>();

  const exchange = async (path: string, body?: object): Promise<unknown> => {
    for (let attempt = 1; ; attempt++) {
      try {
        return readAnswer(await ask(new URL(path, base), options, body), base.host);
      } catch (error) {
        if (options.signal?.aborted === true) {
          throw new ConnectorError("ABORTED", "stopped while waiting for the schema registry");
        }
        if (!(error instanceof Unanswered)) throw error;
        if (attempt >= attempts) throw unavailable(base, attempt, error);
        await pause(retryDelayMs * 2 ** (attempt - 1) * (0.5 + Math.random()), options.signal);
      }
    }
  };
  const look = (key: string, path: string, keep: boolean): Promise<RegisteredSchema> => {
    const known = kept.get(key);
    if (known !== undefined) {
      kept.delete(key);
      kept.set(key, known);
      return Promise.resolve(known);
    }
    const none = missing.get(key);
    if (none !== undefined && none.until > Date.now()) return Promise.reject(none.error);
    const running = asked.get(key);
    if (running !== undefined) return running;
    const answer = exchange(path)
      .then((found) => {
        const schema = parseRegistered(found);
        if (keep) remember(kept, key, schema, maxKept);
        return schema;
      })
      .catch((error: unknown) => {
        if (isMissing(error)) remember(missing, key, { until: Date.now() + missingForMs, error }, maxKept);
        throw error;
      })
      .finally(() => asked.delete(key));
    asked.set(key, answer);
    return answer;
  };
  return {
    byId: (id) => look(`id ${id}`, `schemas/ids/${id}`, true),
    bySubject(subject, version) {
      const path = `subjects/${encodeURIComponent(subject)}/versions/${version ?? "latest"}`;
      return look(path, path, version !== undefined);
    },
    async register(subject, type, schema) {
      // A registry older than 5.5 knows Avro alone and refuses the name.
      const body = type === "AVRO" ? { schema } : { schema, schemaType: type };
      const answer = await exchange(`subjects/${encodeURIComponent(subject)}/versions`, body);
      const { id } = answer as { id?: unknown };
      if (typeof id === "number" && Number.isSafeInteger(id)) return id;
      throw strange("it gave no id");
    },
  };
}

/** True for "no such schema, subject or version". */
export function isMissing(error: unknown): boolean {
  const code = (error as { context?: { registryCode?: unknown } } | null)?.context?.registryCode;
  return code === 40401 || code === 40402 || code === 40403;
}

/** An exchange that may succeed when it is tried again. */
class Unanswered extends Error {}

async function ask(url: URL, options: RegistryOptions, body?: object): Promise<HttpAnswer> {
  const { username, password, bearerToken, ca, signal, timeoutMs = 5000, maxBytes = 4 * 1024 * 1024 } = options;
  const headers: Record<string, string> = { accept: `${media}, application/json` };
  if (body !== undefined) headers["content-type"] = media;
  if (bearerToken !== undefined) headers.authorization = `Bearer ${bearerToken.reveal()}`;
  else if (username !== undefined) {
    const pair = Buffer.from(`${username}:${password?.reveal() ?? ""}`).toString("base64");
    headers.authorization = `Basic ${pair}`;
  }
  let at = url;
  for (let hop = 0; hop <= maxRedirects; hop++) {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const method = body === undefined ? "GET" : "POST";
    const answer = await sendRequest(at, { method, headers, body: text, timeoutMs, maxBytes, ca, signal }).catch(
      (error: unknown) => {
        throw new Unanswered(error instanceof Error ? error.message || String((error as { code?: unknown }).code) : "");
      },
    );
    if (answer.status < 300 || answer.status > 399 || answer.location === undefined) return answer;
    const next = new URL(answer.location, at);
    if (next.host !== url.host || next.protocol !== url.protocol) {
      throw strange(`it redirects to another host; set schema_registry.endpoint to the final address`);
    }
    at = next;
  }
  throw strange(`it redirects more than ${maxRedirects} times`);
}

function readAnswer(answer: HttpAnswer, host: string): unknown {
  const { status, contentType, body } = answer;
  if (status >= 500 || status === 429 || status === 408) throw new Unanswered(`status ${status}`);
  if (status === 401) throw new ConnectorError("AUTH_FAILED", `the schema registry ${host} refused the credentials`);
  if (status === 403) throw new ConnectorError("PERMISSION_DENIED", `the schema registry ${host} denies access`);
  if (!/^application\/([\w.+-]+\+)?json\b/i.test(contentType)) {
    throw strange(
      `it answered with ${contentType.slice(0, 60) || "no content type"} and status ${status}; expected JSON`,
    );
  }
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch {
    throw strange(`it answered with status ${status} and text that is no JSON`);
  }
  if (status >= 200 && status < 300) return parsed;
  const code = (parsed as { error_code?: unknown } | null)?.error_code;
  const registryCode = typeof code === "number" ? code : status;
  throw new ConnectorError(
    "SCHEMA_INVALID",
    `the schema registry ${host} ${reasonOf(registryCode)} (${registryCode})`,
    {
      context: { registryCode },
    },
  );
}

function reasonOf(code: number): string {
  switch (code) {
    case 40401:
      return "has no such subject; check schema_registry.subject, or set schema_registry.auto_register = true";
    case 40402:
      return "has no such version";
    case 40403:
      return "has no such schema";
    case 409:
      return "refused the schema: it is not compatible with the subject's earlier versions";
    default:
      return code === 422 || (code >= 42200 && code < 42300) ? "refused the schema as invalid" : "refused the request";
  }
}

function parseRegistered(value: unknown): RegisteredSchema {
  const { schema, id = 0, schemaType = "AVRO", references = [] } = (value ?? {}) as Record<string, unknown>;
  const types: readonly unknown[] = ["AVRO", "JSON", "PROTOBUF"];
  if (typeof schema !== "string" || typeof id !== "number" || !types.includes(schemaType) || !Array.isArray(references))
    throw strange("its answer is no schema");
  const parsed = references.map((one: unknown) => {
    const { name, subject, version } = (one ?? {}) as Record<string, unknown>;
    if (typeof name === "string" && typeof subject === "string" && typeof version === "number")
      return { name, subject, version };
    throw strange("its answer has a reference that is none");
  });
  return { id, type: schemaType as SchemaType, schema, references: parsed };
}

function remember<T>(map: Map<string, T>, key: string, value: T, limit: number): void {
  map.set(key, value);
  const [oldest] = map.keys();
  if (map.size > limit && oldest !== undefined) map.delete(oldest);
}

function parseEndpoint(endpoint: string): URL {
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.username !== "" || url.password !== "") {
    throw new ConnectorError(
      "OPTION_INVALID",
      'option "schema_registry.endpoint": expected an http or https address without credentials in it (use schema_registry.username and .password)',
    );
  }
  if (!url.pathname.endsWith("/")) url.pathname += "/";
  return url;
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    function done(): void {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    }
    signal?.addEventListener("abort", done, { once: true });
  });
}

function unavailable(base: URL, attempts: number, error: Error): ConnectorError {
  const text = `the schema registry ${base.host} did not answer in ${attempts} attempts: ${error.message}`;
  if (!/certificate/i.test(error.message)) return new ConnectorError("SERVER_UNAVAILABLE", text);
  // Another attempt meets the same certificate: whoever set the registry up has to act.
  const remedy = "schema_registry.ca_file names the authorities to trust";
  return new ConnectorError("SERVER_UNAVAILABLE", `${text}; ${remedy}`, { retry: "never" });
}

function strange(reason: string): ConnectorError {
  return new ConnectorError("SERVER_UNAVAILABLE", `schema_registry.endpoint is no schema registry: ${reason}`, {
    retry: "never",
  });
}

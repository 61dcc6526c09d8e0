import { ConnectorError } from "@x/connector-api";

/** The module `@duckdb/node-api`, an optional peer: loaded on first need, never imported statically. */
export type DuckdbApi = typeof import("@duckdb/node-api");

/** A private in-memory database with one connection. */
export interface Duckdb {
  readonly api: DuckdbApi;
  readonly connection: InstanceType<DuckdbApi["DuckDBConnection"]>;
  /** Idempotent. */
  close(): void;
}

/** One thread keeps the order of rows; nothing outside the process is reached; UTC makes casts of times repeatable. */
const settings = {
  threads: "1",
  enable_external_access: "false",
  autoinstall_known_extensions: "false",
  autoload_known_extensions: "false",
};

/** Rejects with DEPENDENCY_MISSING when the package is not installed. */
export async function openDuckdb(): Promise<Duckdb> {
  const api = await loadApi();
  const instance = await api.DuckDBInstance.create(":memory:", settings);
  const connection = await instance.connect();
  await connection.run("SET TimeZone = 'UTC'");
  let open = true;
  return {
    api,
    connection,
    close() {
      if (!open) return;
      open = false;
      connection.closeSync();
      instance.closeSync();
    },
  };
}

async function loadApi(): Promise<DuckdbApi> {
  try {
    return await import("@duckdb/node-api");
  } catch (cause) {
    throw new ConnectorError(
      "DEPENDENCY_MISSING",
      "a WHERE or an expression in a SELECT runs on DuckDB, which is not installed; run `npm install @duckdb/node-api`",
      { cause },
    );
  }
}

import { defineSchema, parseOperatorConfig } from "@x/connector-api";
import { describe, expect, test } from "vitest";
import { storeConnection } from "../../src/connection-config.js";
import { natsConnector } from "../../src/nats-connector.js";
import { withRateLimit } from "../../src/table-config.js";
import { configs } from "./configs.js";
import type { ArroyoDocument } from "./document.js";
import { profiles } from "./profiles.js";
import { tables } from "./tables.js";

const documents: readonly ArroyoDocument[] = [...profiles, ...tables, ...configs];
const connector = natsConnector({ environment: {} });
const schema = defineSchema({ id: "BIGINT", note: "TEXT" });

function load({ kind, stored }: ArroyoDocument): object {
  if (kind === "profile") return storeConnection(connector.parseProfile(stored)).auth as object;
  if (kind === "table") return connector.parseTable(stored);
  const config = parseOperatorConfig(stored);
  const profile = connector.parseProfile(config.connection);
  const table = connector.parseTable(config.table);
  expect(connector.makeOperator(profile, table, config, schema).kind).toBe("source");
  return config;
}

function refusalOf(document: ArroyoDocument): { code: string; message: string } {
  try {
    load(document);
  } catch (error) {
    const { code, message } = error as { code: string; message: string };
    return { code, message };
  }
  throw new Error("it was loaded");
}

describe("what Arroyo stored", () => {
  test.each(documents.filter(({ loaded }) => loaded !== undefined))("loads: $pins", (document) => {
    expect(load(document)).toMatchObject(document.loaded ?? {});
  });

  test.each(documents.filter(({ refused }) => refused !== undefined))("is refused: $pins", (document) => {
    const { code, message } = refusalOf(document);
    const [expected, path] = document.refused ?? [];
    expect(code).toBe(expected);
    expect(message).toContain(path);
    expect(message).not.toContain("hunter2");
  });

  test("is pinned by many documents, each of which says what it pins", () => {
    expect(documents.length).toBeGreaterThanOrEqual(30);
    expect(new Set(documents.map(({ pins }) => pins)).size).toBe(documents.length);
    for (const { loaded, refused } of documents) expect([loaded, refused].filter(Boolean)).toHaveLength(1);
  });

  test("with only defaults is the same as with nothing at all", () => {
    const find = (pins: string): unknown => documents.find((each) => each.pins === pins)?.stored;
    expect(connector.parseTable(find("every default of table.json counts as unset"))).toEqual(
      connector.parseTable(find("only a stream")),
    );
  });

  test("with a rate limit is limited; of two limits the lower one holds", () => {
    const table = connector.parseTable({ connectorType: { sourceType: { stream: "S", rateLimit: 5 } } });
    const config = parseOperatorConfig({ connection: {}, table: {} });
    expect(withRateLimit(config, table).rateLimit).toEqual({ messagesPerSecond: 5 });
    const limited = (messagesPerSecond: number): unknown =>
      withRateLimit({ ...config, rateLimit: { messagesPerSecond } }, table).rateLimit?.messagesPerSecond;
    expect([limited(3), limited(50)]).toEqual([3, 5]);
  });
});

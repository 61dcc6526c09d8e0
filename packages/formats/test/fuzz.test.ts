import { type ConnectionSchema, ConnectorOptions, type Format, isConnectorError, type Row } from "@x/connector-api";
import { describe, expect, test } from "vitest";
import { fixtures } from "./format-fixtures.ts";

/** 50,000 per format in CI; `pnpm --filter @x/formats fuzz` sets 1,000,000. */
const payloads = Number(process.env.FUZZ_PAYLOADS ?? 50_000);
const seed = Number(process.env.FUZZ_SEED ?? 4);

describe.each(Object.entries(fixtures))("%s", (_name, fixture) => {
  test(`${payloads} mutated payloads end in rows or BAD_DATA, in bounded time and memory`, {
    timeout: 60_000 + payloads,
  }, async () => {
    const bag = ConnectorOptions.fromObject(fixture.options ?? {});
    const { format, schema } = fixture as unknown as { format: Format; schema: ConnectionSchema };
    const options = format.fromOptions(bag);
    const decoder = await format.openDecoder?.(options, { schema });
    const encoder = await format.openEncoder?.(options, { schema });
    if (decoder === undefined || encoder === undefined) throw new Error("no decoder or encoder");
    const seeds = fixture.rows.map((row) => encoder.encode(row)).filter((bytes) => bytes.length < 2000);
    const random = randomFrom(seed);
    let slowest = 0;
    let rowsRead = 0;
    for (let i = 0; i < payloads; i++) {
      const payload = mutate(seeds[random(seeds.length)] as Uint8Array, random);
      const rows: Row[] = [];
      const startedAt = performance.now();
      try {
        decoder.decode(payload, rows);
        rowsRead += rows.length;
      } catch (error) {
        if (!isConnectorError(error) || error.code !== "BAD_DATA") throw error;
      }
      slowest = Math.max(slowest, performance.now() - startedAt);
    }
    expect(rowsRead).toBeLessThan(payloads * 200);
    expect(slowest).toBeLessThan(3000);
    expect({}).not.toHaveProperty("polluted");
  });
});

function mutate(original: Uint8Array, random: (bound: number) => number): Uint8Array {
  let bytes = Uint8Array.from(original);
  for (let changes = 1 + random(4); changes > 0; changes--) {
    const at = random(bytes.length + 1);
    switch (random(5)) {
      case 0:
        bytes = bytes.slice(0, at);
        break;
      case 1:
        bytes = Uint8Array.of(...bytes.subarray(0, at), random(256), ...bytes.subarray(at));
        break;
      case 2:
        bytes = Uint8Array.of(...bytes.subarray(0, at), ...bytes.subarray(at + 1 + random(4)));
        break;
      case 3:
        // Lengths and counts as large as they get.
        bytes.fill(0xff, at, at + 1 + random(9));
        break;
      default:
        if (bytes.length > 0) bytes[at % bytes.length] = random(256);
    }
  }
  return bytes;
}

function randomFrom(start: number): (bound: number) => number {
  let state = start >>> 0;
  return (bound) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * bound);
  };
}

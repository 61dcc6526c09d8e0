import { describe, expect, it } from "vitest";
import { type ConnectionSchema, physicalSchema } from "../connection-schema.js";
import { ConnectorOptions } from "../connector-options.js";
import { isConnectorError } from "../errors.js";
import type { Decoder, Encoder, Format } from "../format.js";
import type { JsonObject, Row } from "../row.js";
import { createRandom } from "./random.js";

export interface FormatFixture<Options extends JsonObject> {
  readonly format: Format<Options>;
  /** What the format can do: a law, not a question, so that losing a direction is noticed. */
  readonly decodes: boolean;
  readonly encodes: boolean;
  readonly schema: ConnectionSchema;
  /** The format's options as a TypeScript user writes them: `{ json: { unstructured: true } }`. */
  readonly options?: object;
  /** Rows of the schema. Where the format goes both ways they come back equal. */
  readonly rows: readonly Row[];
  /** Payloads to begin with when bytes are damaged at random; the encoded rows are taken as well. */
  readonly payloads?: readonly Uint8Array[];
}

/** The laws of a {@link Format}. */
export function describeFormat<Options extends JsonObject>(name: string, fixture: FormatFixture<Options>): void {
  const { format, decodes, encodes, rows } = fixture;
  const context = { schema: physicalSchema(fixture.schema) };

  const readOptions = (): Options => {
    const bag = ConnectorOptions.fromObject(fixture.options ?? {});
    const options = format.fromOptions(bag);
    bag.finish();
    return options;
  };
  const openDecoder = async (): Promise<Decoder> => {
    if (format.openDecoder === undefined) throw new Error(`${format.name} has no openDecoder`);
    return await format.openDecoder(readOptions(), context);
  };
  const openEncoder = async (): Promise<Encoder> => {
    if (format.openEncoder === undefined) throw new Error(`${format.name} has no openEncoder`);
    return await format.openEncoder(readOptions(), context);
  };

  describe(`format: ${name}`, () => {
    it("has the directions it declares", () => {
      expect(format.openDecoder !== undefined).toBe(decodes);
      expect(format.openEncoder !== undefined).toBe(encodes);
    });

    it("stores its options as JSON and reads them back", () => {
      const options = readOptions();
      expect(format.parse(JSON.parse(JSON.stringify(options)))).toEqual(options);
    });

    it("accepts the schema", () => {
      format.checkSchema?.(context.schema, readOptions());
    });

    if (encodes && decodes) {
      it("gives back every row it encoded", async () => {
        const encoder = await openEncoder();
        const decoder = await openDecoder();
        for (const row of rows) {
          const before: Row = { kept: "as it was" };
          const decoded = [before];
          decoder.decode(encoder.encode(row), decoded);
          expect(decoded).toEqual([before, row]);
        }
      });
    }

    if (encodes) {
      it("gives bytes that belong to the caller", async () => {
        const encoder = await openEncoder();
        const payloads = rows.map((row) => encoder.encode(row));
        const copies = payloads.map((payload) => Uint8Array.from(payload));
        for (const row of rows) encoder.encode(row);
        expect(payloads.map((payload) => Uint8Array.from(payload))).toEqual(copies);
      });
    }

    if (decodes) {
      it("reads damaged and random bytes, or refuses them with BAD_DATA", async () => {
        const decoder = await openDecoder();
        const encoder = encodes ? await openEncoder() : undefined;
        const seeds = [...(fixture.payloads ?? []), ...rows.flatMap((row) => encoder?.encode(row) ?? [])];
        const random = createRandom(20260101);
        for (let i = 0; i < 2000; i++) {
          const payload = i < 1000 ? random.bytes(i % 97) : random.damage(random.pick(seeds) ?? new Uint8Array());
          try {
            decoder.decode(payload, []);
          } catch (error) {
            if (!isConnectorError(error) || error.code !== "BAD_DATA") throw error;
          }
        }
        for (const row of encoder === undefined ? [] : rows) {
          const decoded: Row[] = [];
          decoder.decode((encoder as Encoder).encode(row), decoded);
          expect(decoded, "a row after bad data").toEqual([row]);
        }
      });
    }
  });
}

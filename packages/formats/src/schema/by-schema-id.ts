import { ConnectorError, isConnectorError } from "@x/connector-api";
import { badEnvelope, schemaIdOf } from "./confluent-envelope.js";
import { isMissing } from "./registry-client.js";

/** Readers by the schema id that a payload carries, made when an id is first met. */
export interface BySchemaId<Reader> {
  /** For `Decoder.prepare`: undefined when {@link readerOf} can answer, else resolves when it can. */
  prepare(payload: Uint8Array): Promise<void> | undefined;
  /** The reader for a payload. BAD_DATA when the payload has no id, or one that stands for no usable schema. */
  readerOf(payload: Uint8Array): Reader;
}

const maxReaders = 500;
const badForMs = 60_000;

interface Known<Reader> {
  readonly reader?: Reader;
  readonly error?: unknown;
  readonly until: number;
}

/**
 * `open` fetches and compiles the reader of an id. What it refuses as unknown or unusable makes the payload bad data,
 * believed for a minute; that the registry cannot be asked is no fault of the payload and ends the wait with an error.
 */
export function createBySchemaId<Reader>(open: (id: number) => Promise<Reader>): BySchemaId<Reader> {
  const known = new Map<number, Known<Reader>>();
  const fresh = (id: number): Known<Reader> | undefined => {
    const found = known.get(id);
    if (found === undefined || found.until <= Date.now()) return undefined;
    learn(id, found);
    return found;
  };
  /** Puts it last; the one that nobody asked for the longest is first, and goes when there are too many. */
  const learn = (id: number, entry: Known<Reader>): void => {
    known.delete(id);
    known.set(id, entry);
    const [first] = known.keys();
    if (known.size > maxReaders && first !== undefined) known.delete(first);
  };
  let lastId = -1;
  let last: Reader | undefined;
  return {
    prepare(payload) {
      const id = schemaIdOf(payload);
      if (id === undefined || id === lastId || fresh(id) !== undefined) return undefined;
      return open(id).then(
        (reader) => learn(id, { reader, until: Number.POSITIVE_INFINITY }),
        (error: unknown) => {
          const isBad = isMissing(error) || (isConnectorError(error) && error.code === "SCHEMA_INVALID");
          if (!isBad) throw error;
          const reason = (error as Error).message;
          const bad = new ConnectorError("BAD_DATA", `the payload's schema id ${id}: ${reason}`, { cause: error });
          learn(id, { error: bad, until: Date.now() + badForMs });
        },
      );
    },
    readerOf(payload) {
      const id = schemaIdOf(payload);
      if (id === undefined) throw badEnvelope();
      if (id === lastId) return last as Reader;
      const found = fresh(id);
      if (found === undefined) throw new ConnectorError("BAD_DATA", `the payload's schema id ${id} was not looked up`);
      if (found.reader === undefined) throw found.error;
      lastId = id;
      last = found.reader;
      return found.reader;
    },
  };
}

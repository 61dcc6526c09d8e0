import { readFileSync } from "node:fs";
import { type ConnectionSchema, defineSchema, type Row } from "@x/connector-api";
import type { Job } from "./contest/entrant.js";

/** Real data of one shape and size: rows, their columns in SQL, and what Avro and Protobuf call them. */
export interface Payload {
  readonly rows: readonly Row[];
  /** The column list of a `CREATE TABLE`. */
  readonly columns: string;
  readonly schema: ConnectionSchema;
  readonly avroSchema: string;
  readonly protoSchema: string;
  readonly protoMessage: string;
}

const flight = {
  columns: {
    date: "TEXT NOT NULL",
    delay: "INT",
    distance: "INT NOT NULL",
    origin: "TEXT NOT NULL",
    destination: "TEXT NOT NULL",
  },
  struct:
    "STRUCT<date TEXT NOT NULL, delay INT, distance INT NOT NULL, origin TEXT NOT NULL, destination TEXT NOT NULL>",
  avro: {
    type: "record",
    name: "Flight",
    fields: [
      { name: "date", type: "string" },
      { name: "delay", type: ["null", "int"] },
      { name: "distance", type: "int" },
      { name: "origin", type: "string" },
      { name: "destination", type: "string" },
    ],
  },
  proto:
    "message Flight { string date = 1; optional int32 delay = 2; int32 distance = 3; string origin = 4; string destination = 5; }",
};

/** An airport with its place and what takes off there: nested, as large as the flights are many. */
const airport = {
  columns: {
    iata: "TEXT NOT NULL",
    name: "TEXT NOT NULL",
    place:
      "STRUCT<city TEXT NOT NULL, state TEXT NOT NULL, latitude DOUBLE NOT NULL, longitude DOUBLE NOT NULL> NOT NULL",
    departures: `${flight.struct}[] NOT NULL`,
  },
  avro: {
    type: "record",
    name: "Airport",
    fields: [
      { name: "iata", type: "string" },
      { name: "name", type: "string" },
      {
        name: "place",
        type: {
          type: "record",
          name: "Place",
          fields: [
            { name: "city", type: "string" },
            { name: "state", type: "string" },
            { name: "latitude", type: "double" },
            { name: "longitude", type: "double" },
          ],
        },
      },
      { name: "departures", type: { type: "array", items: flight.avro } },
    ],
  },
  proto: `${flight.proto}
message Place { string city = 1; string state = 2; double latitude = 3; double longitude = 4; }
message Airport { string iata = 1; string name = 2; Place place = 3; repeated Flight departures = 4; }`,
};

const dataset = (name: string): string =>
  readFileSync(new URL(`../data/${name}`, import.meta.resolve("vega-datasets")), "utf8");
const readFlights = (): Row[] => JSON.parse(dataset("flights-10k.json")) as Row[];

function flights(): Payload {
  return {
    rows: readFlights(),
    ...sqlOf(flight.columns),
    avroSchema: JSON.stringify(flight.avro),
    protoSchema: `syntax = "proto3";\n${flight.proto}`,
    protoMessage: "Flight",
  };
}

/** Two numbers of a flight: for runs whose length counts, not their bytes. */
function distances(): Payload {
  const { delay, distance } = flight.columns;
  return {
    ...flights(),
    rows: readFlights().map((row) => ({ delay: row.delay ?? null, distance: row.distance ?? null })),
    ...sqlOf({ delay, distance }),
  };
}

/** Flights with the time at which they were sent in front, or with another number; whoever sends them fills it in. */
function timedFlights(): Payload {
  const { rows, ...rest } = flights();
  const sent = { sent: "BIGINT NOT NULL" };
  return { ...rest, rows: rows.map((row) => ({ sent: 0, ...row })), ...sqlOf({ ...sent, ...flight.columns }) };
}

/** So many rows of a payload, over and over; where the messages have ids, each with its own. */
export function rowsOf({ payload: name, count, messageId }: Job): Row[] {
  const { rows } = payload(name);
  return Array.from({ length: count }, (_, i) => {
    const row = rows[i % rows.length] as Row;
    return messageId === true ? { ...row, sent: i } : row;
  });
}

/** Airports with `departures` flights each. */
function airports(count: number, departures: number): Payload {
  const all = readFlights();
  // Names with a comma in them are quoted: the others are enough.
  const lines = dataset("airports.csv")
    .split("\n")
    .filter((line) => line.split(",").length === 7 && !line.includes('"'));
  const rows = Array.from({ length: count }, (_, i) => {
    const [iata, name, city, state, , latitude, longitude] = (lines[1 + i] as string).split(",");
    const from = (i * departures) % (all.length - departures);
    const place = { city, state, latitude: Number(latitude), longitude: Number(longitude) };
    return { iata, name, place, departures: all.slice(from, from + departures) } as Row;
  });
  return {
    rows,
    ...sqlOf(airport.columns),
    avroSchema: JSON.stringify(airport.avro),
    protoSchema: `syntax = "proto3";\n${airport.proto}`,
    protoMessage: "Airport",
  };
}

function sqlOf(columns: Readonly<Record<string, string>>): Pick<Payload, "columns" | "schema"> {
  const schema = defineSchema(columns as Record<string, "TEXT">);
  const list = Object.entries(columns).map(([name, type]) => `${name} ${type}`);
  return { columns: list.join(", "), schema };
}

/** THE list of payloads, by their size as JSON. */
export const payloads: Readonly<Record<string, () => Payload>> = {
  "30B": distances,
  "100B": flights,
  timed: timedFlights,
  "1KiB": () => airports(1000, 10),
  "16KiB": () => airports(200, 182),
};

export function payload(name: string): Payload {
  const make = payloads[name];
  if (make === undefined) throw new Error(`no payload is called "${name}"`);
  return make();
}

import { type ConnectionSchema, defineSchema, type Row } from "@x/connector-api";

/** An order as shops send them: integers, texts, a nullable, a decimal number, a time, a list of structs. */
export const schema: ConnectionSchema = defineSchema({
  id: "BIGINT NOT NULL",
  customer: "TEXT NOT NULL",
  country: "TEXT",
  total: "DOUBLE NOT NULL",
  items: "INT NOT NULL",
  paid: "BOOLEAN NOT NULL",
  placed_ms: "BIGINT NOT NULL",
  note: "TEXT",
  address: "STRUCT<street TEXT NOT NULL, zip TEXT NOT NULL> NOT NULL",
});

export const avroSchema: string = JSON.stringify({
  type: "record",
  name: "Order",
  fields: [
    { name: "id", type: "long" },
    { name: "customer", type: "string" },
    { name: "country", type: ["null", "string"] },
    { name: "total", type: "double" },
    { name: "items", type: "int" },
    { name: "paid", type: "boolean" },
    { name: "placed_ms", type: "long" },
    { name: "note", type: ["null", "string"] },
    {
      name: "address",
      type: { type: "record", name: "Address", fields: ["street", "zip"].map((name) => ({ name, type: "string" })) },
    },
  ],
});

export const protoSchema: string = `syntax = "proto3";
message Address { string street = 1; string zip = 2; }
message Order { int64 id = 1; string customer = 2; optional string country = 3; double total = 4; int32 items = 5;
bool paid = 6; int64 placed_ms = 7; optional string note = 8; Address address = 9; }`;

/** The same rows in every run. */
export const rows: readonly Row[] = Array.from({ length: 500 }, (_, i) => ({
  id: 4_000_000_000 + i * 7919,
  customer: `customer-${(i * 104_729) % 9973}`,
  country: i % 5 === 0 ? null : (["DE", "FR", "PT", "NO"][i % 4] as string),
  total: Math.round(i * 137.77) / 100,
  items: (i * 31) % 40,
  paid: i % 3 === 0,
  placed_ms: 1_760_000_000_000 + i * 1234,
  note: i % 7 === 0 ? "leave it with the neighbours, Straße 5" : null,
  address: { street: `Main Street ${i}`, zip: String(10_000 + i) },
}));

/** The random schemas of the two files, many more of them. */
process.env.PROPERTY_RUNS ??= "4000";
await import("./avro-schemas.test.ts");
await import("./protobuf-schemas.test.ts");

import { readFileSync } from "node:fs";
import { defineSchema } from "@x/connector-api";
import { openSink } from "@x/nats-connector";

const dataset = new URL("../data/flights-200k.json", import.meta.resolve("vega-datasets"));
const schema = defineSchema({ delay: "INT", distance: "INT", time: "DOUBLE" });
const ROWS_PER_WRITE = 1000;

/** The 200,000 flight records of the package vega-datasets: `{ delay, distance, time }`. */
export function readFlights() {
  return JSON.parse(readFileSync(dataset, "utf8"));
}

/** Publishes every flight and waits until the server has acknowledged each; resolves to the seconds it took. */
export async function loadFlights(servers, flights, signal) {
  const startedAt = performance.now();
  const sink = await openSink({ servers, stream: "FLIGHTS", subject: "flights.us", format: "json", schema });
  try {
    for (let i = 0; i < flights.length; i += ROWS_PER_WRITE) {
      await sink.write(flights.slice(i, i + ROWS_PER_WRITE), { signal });
    }
    await sink.flush({ signal });
  } finally {
    await sink.close();
  }
  return (performance.now() - startedAt) / 1000;
}

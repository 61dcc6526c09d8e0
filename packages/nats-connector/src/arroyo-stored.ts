import { ConnectorError } from "@x/connector-api";
import { z } from "zod";
import { compact, parseStored } from "./parse-stored.js";

/**
 * Arroyo's stored JSON, turned into ours. A value equal to Arroyo's default counts as unset, because Arroyo writes
 * every field whether the user gave it or not; one that differs and has no meaning here is refused, never dropped.
 */
export function fromArroyoTable(value: unknown): unknown {
  const { connectorType } = parseStored(arroyoTable, value, "table");
  if ("sinkType" in connectorType) return { type: "core-sink", subject: connectorType.sinkType.subject };
  const source = connectorType.sourceType;
  if ("subject" in source) return { type: "core-source", subject: source.subject };
  for (const field of ["rateLimit", "maxAckPending", "maxDeliver"] as const) {
    if ((source[field] ?? -1) !== -1) throw unsupported(`${field} = ${source[field]}`);
  }
  if (source.replayPolicy === "Original") throw unsupported("replayPolicy = Original");
  const seconds = (given: number | undefined, ...defaults: number[]): number | undefined =>
    given === undefined || defaults.includes(given) ? undefined : given * 1000;
  const unless = (given: number | undefined, unset: number): number | undefined =>
    given === unset ? undefined : given;
  return compact({
    type: "jetstream-source",
    stream: source.stream,
    description: source.description === "" ? undefined : source.description,
    filterSubjects: source.filterSubjects,
    // Explicit is Arroyo's default, so it says nothing about what the user wants.
    ackPolicy: source.ackPolicy === "None" ? "none" : source.ackPolicy === "All" ? "all" : undefined,
    ackWaitMs: seconds(source.ackWait, 30, 300),
    inactiveThresholdMs: seconds(source.inactiveThreshold, 600),
    numReplicas: unless(source.numReplicas, 1),
    sampleFrequency: unless(source.sampleFrequency, 0),
    maxWaiting: unless(source.maxWaiting, 1_000_000),
    maxBatch: unless(source.maxBatch, 10_000),
    maxBytes: unless(source.maxBytes, 104_857_600),
    maxExpiresMs: unless(source.maxExpires, 300_000),
  });
}

function unsupported(what: string): ConnectorError {
  return new ConnectorError("UNSUPPORTED", `table.connectorType.sourceType.${what} is not supported by this version`);
}

const int = z.int().optional();
const list = z
  .union([z.array(z.string()), z.string()])
  .transform((given) =>
    (typeof given === "string" ? given.split(",") : given).map((one) => one.trim()).filter(Boolean),
  );

const arroyoTable = z.strictObject({
  connectorType: z.union([
    z.strictObject({
      sourceType: z.union([
        z.strictObject({
          stream: z.string(),
          description: z.string().optional(),
          ackPolicy: z.enum(["Explicit", "None", "All"]).optional(),
          replayPolicy: z.enum(["Original", "Instant"]).optional(),
          ackWait: int,
          filterSubjects: list.optional(),
          sampleFrequency: int,
          numReplicas: int,
          inactiveThreshold: int,
          rateLimit: int,
          maxAckPending: int,
          maxDeliver: int,
          maxWaiting: int,
          maxBatch: int,
          maxBytes: int,
          maxExpires: int,
        }),
        z.strictObject({ subject: z.string() }),
      ]),
    }),
    z.strictObject({ sinkType: z.strictObject({ subject: z.string() }) }),
  ]),
});

import { ConnectorError, kindOf } from "@x/connector-api";
import { z } from "zod";
import { compact, parseStored } from "./parse-stored.js";

/**
 * Arroyo's stored JSON (`table.json`), turned into ours. A value equal to Arroyo's default counts as unset, because
 * Arroyo writes every field whether the user gave it or not. OPTION_INVALID names the path as Arroyo has it.
 */
export function fromArroyoTable(value: unknown): unknown {
  const { connectorType } = parseStored(arroyoTable, value, "table");
  const direction = oneOf(connectorType, ["sourceType", "sinkType"], CONNECTOR);
  const path = `${CONNECTOR}.${direction}`;
  const given = withoutNulls(connectorType[direction], path);
  if (direction === "sinkType") return { type: "core-sink", ...parseStored(arroyoCore, given, path) };
  return oneOf(given, ["stream", "subject"], path) === "subject"
    ? { type: "core-source", ...parseStored(arroyoCore, given, path) }
    : jetStreamSource(parseStored(arroyoJetStream, given, path));
}

const CONNECTOR = "table.connectorType";

/** Which one of two keys an object has. */
function oneOf<const Key extends string>(given: object, keys: readonly [Key, Key], path: string): Key {
  const present = keys.filter((key) => key in given);
  const [key] = present;
  if (key !== undefined && present.length === 1) return key;
  const got = present.length === 0 ? "none" : "both";
  throw new ConnectorError("OPTION_INVALID", `${path}: expected one of "${keys.join('", "')}", got ${got}`, {
    context: { path },
  });
}

/** serde writes an absent `Option` as null. */
function withoutNulls(given: unknown, path: string): object {
  if (kindOf(given) !== "object") {
    throw new ConnectorError("OPTION_INVALID", `${path}: expected an object, got ${kindOf(given)}`, {
      context: { path },
    });
  }
  return Object.fromEntries(Object.entries(given as object).filter(([, held]) => held !== null));
}

function jetStreamSource(source: z.infer<typeof arroyoJetStream>): object {
  return compact({
    type: "jetstream-source",
    stream: source.stream,
    description: unless(source.description, ""),
    filterSubjects: source.filterSubjects,
    // Explicit is Arroyo's default, so it says nothing about what the user wants.
    ackPolicy: source.ackPolicy === "None" ? "none" : source.ackPolicy === "All" ? "all" : undefined,
    replayPolicy: source.replayPolicy === "Original" ? "original" : undefined,
    // 0 is what the server itself takes for unset.
    maxAckPending: unless(source.maxAckPending, -1, 0),
    maxDeliver: unless(source.maxDeliver, -1, 0),
    ackWaitMs: milliseconds(source.ackWait, 30, 300),
    inactiveThresholdMs: milliseconds(source.inactiveThreshold, 600),
    // By table.json 0 means the stream's, which is what unset means here.
    numReplicas: unless(source.numReplicas, 0, 1),
    sampleFrequency: unless(source.sampleFrequency, 0),
    maxWaiting: unless(source.maxWaiting, 1_000_000),
    maxBatch: unless(source.maxBatch, 10_000),
    maxBytes: unless(source.maxBytes, 104_857_600),
    maxExpiresMs: milliseconds(source.maxExpires, 300_000),
    messagesPerSecond: unless(source.rateLimit, -1),
  });
}

/** Arroyo's durations are seconds, `maxExpires` too, whatever its description says. */
function milliseconds(given: number | undefined, ...defaults: number[]): number | undefined {
  const seconds = unless(given, ...defaults);
  return seconds === undefined ? undefined : seconds * 1000;
}

function unless<T>(given: T | undefined, ...unset: T[]): T | undefined {
  return given === undefined || unset.includes(given) ? undefined : given;
}

const int = (min: number, max = Number.MAX_SAFE_INTEGER / 1000) => z.int().min(min).max(max).optional();
const subjects = z
  .union([z.array(z.string()), z.string()], "expected a list of subjects")
  .transform((given) => [
    ...new Set((typeof given === "string" ? given.split(",") : given).map((one) => one.trim()).filter(Boolean)),
  ]);

const arroyoTable = z.strictObject({
  connectorType: z.strictObject({ sourceType: z.unknown().optional(), sinkType: z.unknown().optional() }),
});

const arroyoCore = z.strictObject({ subject: z.string() });

const arroyoJetStream = z.strictObject({
  stream: z.string(),
  description: z.string().optional(),
  ackPolicy: z.enum(["Explicit", "None", "All"]).optional(),
  replayPolicy: z.enum(["Original", "Instant"]).optional(),
  ackWait: int(1),
  filterSubjects: subjects.optional(),
  sampleFrequency: int(0, 100),
  numReplicas: int(0, 5),
  inactiveThreshold: int(1),
  rateLimit: z.union([z.literal(-1), z.int().min(1)], "expected a number above 0, or -1 for none").optional(),
  maxAckPending: int(-1),
  maxDeliver: int(-1),
  maxWaiting: int(1),
  maxBatch: int(1, 100_000),
  maxBytes: int(1),
  maxExpires: int(1),
});

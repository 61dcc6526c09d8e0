import { epochDays, twoDigits } from "../values/calendar.js";
import { maxEpochMs, type TimestampUnit } from "../values/timestamp.js";

/** The unit behind each timestamp logical type; local ones are the same number without a zone. */
export const timestampLogicals: { readonly [logical: string]: TimestampUnit | undefined } = {
  "timestamp-millis": "ms",
  "timestamp-micros": "us",
  "timestamp-nanos": "ns",
};

const nanosIn = { ms: 1_000_000n, us: 1_000n, ns: 1n } as const;

/** Converts an epoch number from a unit to what a TIMESTAMP holds; digits finer than it are cut off downwards. */
export function epochOf(from: TimestampUnit, to: TimestampUnit): (value: number | bigint) => Date | bigint | undefined {
  if (to === "ms") {
    const perMs = nanosIn.ms / nanosIn[from];
    const scale = Number(perMs);
    return (value) => {
      const ms = typeof value === "number" ? Math.floor(value / scale) : Number(floorDiv(value, perMs));
      return Math.abs(ms) <= maxEpochMs ? new Date(ms) : undefined;
    };
  }
  return (value) => floorDiv(BigInt(value) * nanosIn[from], nanosIn[to]);
}

function floorDiv(value: bigint, by: bigint): bigint {
  const quotient = value / by;
  return value % by < 0n ? quotient - 1n : quotient;
}

/** A row's timestamp as a number of a unit; undefined when that would cut off digits, or for no valid time. */
export function epochIn(from: TimestampUnit, to: TimestampUnit): (value: Date | bigint) => bigint | undefined {
  return (value) => {
    const given = typeof value === "bigint" ? value : value.getTime();
    if (Number.isNaN(given)) return undefined;
    const nanos = BigInt(given) * nanosIn[from];
    return nanos % nanosIn[to] === 0n ? nanos / nanosIn[to] : undefined;
  };
}

/** `YYYY-MM-DD` of days since the epoch; undefined outside the years 0000 to 9999. */
export function dateText(days: number): string | undefined {
  const ms = days * 86_400_000;
  return ms >= -62_167_219_200_000 && ms < 253_402_300_800_000 ? new Date(ms).toISOString().slice(0, 10) : undefined;
}

/** Days since the epoch of a valid DATE. */
export function daysOf(date: string): number {
  return epochDays(date);
}

/** `HH:MM:SS` with digits of a second where there are any; undefined outside a day. */
export function microsText(micros: number, digits: 3 | 6): string | undefined {
  if (!(micros >= 0 && micros < 86_400_000_000)) return undefined;
  const two = (value: number): string => String(Math.floor(value)).padStart(2, "0");
  const seconds = Math.floor(micros / 1_000_000);
  const text = `${two(seconds / 3600)}:${two((seconds / 60) % 60)}:${two(seconds % 60)}`;
  const below = micros % 1_000_000;
  return below === 0 ? text : `${text}.${String(below).padStart(6, "0").slice(0, digits)}`;
}

/** Milli- or microseconds of a valid TIME; undefined when it has finer digits than those. */
export function microsIn(time: string, unit: "ms" | "us"): number | undefined {
  const digits = unit === "ms" ? 3 : 6;
  const fraction = time.slice(9);
  if (/[1-9]/.test(fraction.slice(digits))) return undefined;
  const seconds = twoDigits(time, 0) * 3600 + twoDigits(time, 3) * 60 + twoDigits(time, 6);
  return seconds * 10 ** digits + Number(fraction.slice(0, digits).padEnd(digits, "0"));
}

/** The text of a two's-complement, big-endian unscaled integer. */
export function decimalText(bytes: Uint8Array, scale: number): string {
  const unscaled = BigInt.asIntN(bytes.length * 8, unsignedOf(bytes));
  if (scale === 0) return String(unscaled);
  const digits = String(unscaled < 0n ? -unscaled : unscaled).padStart(scale + 1, "0");
  return `${unscaled < 0n ? "-" : ""}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}

function unsignedOf(bytes: Uint8Array): bigint {
  if (bytes.length === 0) return 0n;
  return BigInt(`0x${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex")}`);
}

/** The shortest two's-complement bytes of an unscaled integer, or exactly `size` of them; undefined if it needs more. */
export function decimalBytes(unscaled: bigint, size?: number): Buffer | undefined {
  let length = 1;
  while (BigInt.asIntN(length * 8, unscaled) !== unscaled) length++;
  if (size !== undefined && length > size) return undefined;
  const bytes = size ?? length;
  return Buffer.from(
    BigInt.asUintN(bytes * 8, unscaled)
      .toString(16)
      .padStart(bytes * 2, "0"),
    "hex",
  );
}

export function uuidText(bytes: Uint8Array): string {
  const hex = Buffer.from(bytes).toString("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

export function uuidBytes(text: string): Buffer {
  return Buffer.from(text.replaceAll("-", ""), "hex");
}

const durationParts = ["months", "days", "millis"] as const;

/** The twelve bytes of an object with months, days and millis; undefined for anything else. */
export function durationBytes(value: unknown): Buffer | undefined {
  const parts = (typeof value === "object" && value !== null ? value : {}) as { readonly [part: string]: unknown };
  const bytes = Buffer.alloc(12);
  for (const [i, part] of durationParts.entries()) {
    const number = Number(parts[part]);
    if (!Object.hasOwn(parts, part) || number >>> 0 !== number) return undefined;
    bytes.writeUInt32LE(number, i * 4);
  }
  return bytes;
}

/** Three unsigned little-endian integers of four bytes each. */
export function durationOf(bytes: Uint8Array): { months: number; days: number; millis: number } {
  const view = Buffer.from(bytes);
  return { months: view.readUInt32LE(0), days: view.readUInt32LE(4), millis: view.readUInt32LE(8) };
}

import { epochDays, twoDigits } from "./calendar.js";

/** What a TIMESTAMP of a precision holds: a Date, or a bigint of micro- or nanoseconds since the epoch. */
export type TimestampUnit = "ms" | "us" | "ns";

export function timestampUnit(precision: number): TimestampUnit {
  return precision <= 3 ? "ms" : precision <= 6 ? "us" : "ns";
}

/** The farthest a Date reaches, in milliseconds either side of the epoch (ECMA-262 §21.4.1.1). */
export const maxEpochMs = 8.64e15;

const SPACE = 0x20;
const PLUS = 0x2b;
const MINUS = 0x2d;
const DOT = 0x2e;
const ZERO = 0x30;
const COLON = 0x3a;
const LOWER_T = 0x74;
const LOWER_Z = 0x7a;

const fractionDigits = { ms: 3, us: 6, ns: 9 } as const;
const perMs = { us: 1_000n, ns: 1_000_000n } as const;
const perSecond = { us: 1_000_000n, ns: 1_000_000_000n } as const;

/** The value of an RFC 3339 text; digits finer than the unit are cut off. Undefined when the text is no RFC 3339. */
export function parseRfc3339(text: string, unit: TimestampUnit): Date | bigint | undefined {
  const hour = twoDigits(text, 11);
  const minute = twoDigits(text, 14);
  const second = twoDigits(text, 17);
  const separator = text.charCodeAt(10);
  if ((separator | 0x20) !== LOWER_T && separator !== SPACE) return undefined;
  if (text.charCodeAt(13) !== COLON || text.charCodeAt(16) !== COLON) return undefined;
  if (!(hour <= 23 && minute <= 59 && second <= 60)) return undefined;
  const digits = fractionDigits[unit];
  let end = 19;
  let fraction = 0;
  if (text.charCodeAt(19) === DOT) {
    let digit = text.charCodeAt(++end) - ZERO;
    for (; digit >= 0 && digit <= 9; digit = text.charCodeAt(++end) - ZERO) {
      if (end < 20 + digits) fraction = fraction * 10 + digit;
    }
    if (end === 20) return undefined;
    for (let missing = 20 + digits - end; missing > 0; missing--) fraction *= 10;
  }
  const seconds = epochDays(text) * 86_400 + hour * 3600 + minute * 60 + second - offsetSeconds(text, end);
  if (Number.isNaN(seconds)) return undefined;
  if (unit === "ms") return new Date(seconds * 1000 + fraction);
  return BigInt(seconds) * perSecond[unit] + BigInt(fraction);
}

/** The value of an integral number of milliseconds since the epoch; undefined when no Date reaches it. */
export function fromEpochMs(ms: number, unit: TimestampUnit): Date | bigint | undefined {
  if (!Number.isInteger(ms) || Math.abs(ms) > maxEpochMs) return undefined;
  return unit === "ms" ? new Date(ms) : BigInt(ms) * perMs[unit];
}

/**
 * A writer of RFC 3339 in UTC with 3, 6 or 9 digits of a second; it gives undefined outside the years 0000 to 9999.
 * It remembers the day it wrote last: times in a stream are near each other, and `toISOString` takes four times as long.
 */
export function createRfc3339Writer(unit: TimestampUnit): (value: Date | bigint) => string | undefined {
  let lastDay = Number.NaN;
  let dayText = "";
  const write = (ms: number, below: string): string | undefined => {
    if (!(ms >= firstMs && ms <= lastMs)) return undefined;
    const day = Math.floor(ms / 86_400_000);
    if (day !== lastDay) {
      dayText = new Date(ms).toISOString().slice(0, 11);
      lastDay = day;
    }
    const inDay = ms - day * 86_400_000;
    const time = `${two(inDay / 3_600_000)}:${two((inDay / 60_000) % 60)}:${two((inDay / 1000) % 60)}`;
    return `${dayText}${time}.${three(inDay % 1000)}${below}Z`;
  };
  if (unit === "ms") return (value) => write((value as Date).getTime(), "");
  const per = perMs[unit];
  return (value) => {
    const below = (((value as bigint) % per) + per) % per;
    return write(Number(((value as bigint) - below) / per), String(below).padStart(fractionDigits[unit] - 3, "0"));
  };
}

/** 0000-01-01T00:00:00.000Z and 9999-12-31T23:59:59.999Z. */
const firstMs = -62_167_219_200_000;
const lastMs = 253_402_300_799_999;

const twos = Array.from({ length: 100 }, (_, i) => String(i).padStart(2, "0"));

function two(value: number): string {
  return twos[value | 0] as string;
}

function three(value: number): string {
  return value < 10 ? `00${value}` : value < 100 ? `0${value}` : `${value}`;
}

/** Seconds east of UTC that the rest of the text names; NaN when it is neither `Z` nor `±hh:mm`. */
function offsetSeconds(text: string, at: number): number {
  const sign = text.charCodeAt(at);
  if ((sign | 0x20) === LOWER_Z) return text.length === at + 1 ? 0 : Number.NaN;
  const hours = twoDigits(text, at + 1);
  const minutes = twoDigits(text, at + 4);
  if ((sign !== PLUS && sign !== MINUS) || text.charCodeAt(at + 3) !== COLON) return Number.NaN;
  if (!(hours <= 23 && minutes <= 59) || text.length !== at + 6) return Number.NaN;
  return (sign === PLUS ? 1 : -1) * (hours * 3600 + minutes * 60);
}

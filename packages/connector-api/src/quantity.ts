const durationUnits = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const byteUnits = {
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
} as const;

/** What {@link parseDuration} takes, for error messages. */
export const durationForms = `a duration such as "250ms", "30s", "5m", "1h" or "7d"`;
/** What {@link parseBytes} takes, for error messages. */
export const bytesForms = `a size such as "512KiB", "64MiB", "64MB" (10^6) or a number of bytes`;

/** Milliseconds of `250ms`, `1.5s`, `5m`, `1h`, `7d`, or of a bare integer in `unit`. Undefined for anything else. */
export function parseDuration(text: string, unit: "s" | "ms" = "s"): number | undefined {
  return parseQuantity(text, durationUnits, unit);
}

/** Bytes of `64MiB`, `64MB` (10^6), `512kib`, or of a bare integer. Undefined for anything else. */
export function parseBytes(text: string): number | undefined {
  return parseQuantity(text, byteUnits, "b");
}

/** The shortest text that {@link parseDuration} reads back as the same number of milliseconds. */
export function printDuration(ms: number): string {
  return printQuantity(ms, [
    ["d", durationUnits.d],
    ["h", durationUnits.h],
    ["m", durationUnits.m],
    ["s", durationUnits.s],
    ["ms", 1],
  ]);
}

/** The shortest text in binary units that {@link parseBytes} reads back as the same number of bytes. */
export function printBytes(bytes: number): string {
  return printQuantity(bytes, [
    ["TiB", byteUnits.tib],
    ["GiB", byteUnits.gib],
    ["MiB", byteUnits.mib],
    ["KiB", byteUnits.kib],
    ["B", 1],
  ]);
}

function parseQuantity(text: string, units: Readonly<Record<string, number>>, bare: string): number | undefined {
  const match = /^(\d+)(?:\.(\d+))?\s*([a-z]*)$/i.exec(text.trim());
  if (match === null) return undefined;
  const [, whole = "", fraction, given = ""] = match;
  if (given === "" && fraction !== undefined) return undefined;
  const unit = given === "" ? bare : given.toLowerCase();
  const factor = Object.hasOwn(units, unit) ? units[unit] : undefined;
  if (factor === undefined) return undefined;
  const value = fraction === undefined ? Number(whole) * factor : decimalTimes(whole, fraction, factor);
  return value !== undefined && Number.isSafeInteger(value) ? value : undefined;
}

/** `whole.fraction` times `factor` when that is a whole number: exact, so that no remainder is cut off. */
function decimalTimes(whole: string, fraction: string, factor: number): number | undefined {
  const scale = 10n ** BigInt(fraction.length);
  const product = BigInt(whole + fraction) * BigInt(factor);
  return product % scale === 0n ? Number(product / scale) : undefined;
}

function printQuantity(value: number, units: readonly (readonly [name: string, factor: number])[]): string {
  const [name, factor] = units.find(([, factor]) => value >= factor && value % factor === 0) ?? units.at(-1) ?? ["", 1];
  return `${value / factor}${name}`;
}

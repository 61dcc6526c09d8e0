const decimalText = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/;

/** Longer texts are refused unread: zeros aside, no DECIMAL has more than 38 digits. */
const longestText = 1024;

/**
 * A decimal text as DECIMAL(precision, scale) writes it: exactly `scale` digits after the point, no exponent, no
 * leading zero, no negative zero. Nothing is ever rounded: undefined when the text is no number or needs more digits.
 */
export function formatDecimal(text: string, precision: number, scale: number): string | undefined {
  const match = text.length <= longestText ? decimalText.exec(text) : null;
  if (match === null) return undefined;
  const [, sign, whole = "", fraction = "", exponent = "0"] = match;
  const padded = whole + fraction;
  const digits = padded.replace(/^0+/, "").replace(/0+$/, "");
  if (digits === "") return scale === 0 ? "0" : `0.${"0".repeat(scale)}`;
  const leadingZeros = padded.search(/[1-9]/);
  const point = whole.length - leadingZeros + Number(exponent);
  if (point > precision - scale || digits.length - point > scale) return undefined;
  const integral = point > 0 ? digits.slice(0, point).padEnd(point, "0") : "0";
  if (scale === 0) return sign + integral;
  const fractional = point > 0 ? digits.slice(point) : "0".repeat(-point) + digits;
  return `${sign}${integral}.${fractional.padEnd(scale, "0")}`;
}

/**
 * What {@link formatDecimal} gives for the digits of a number that has at most 15 of them at this scale; undefined for
 * any other. A decimal of 15 digits is the only one with its double, so a division that gives the number back proves it.
 */
export function formatShortDecimal(value: number, precision: number, scale: number): string | undefined {
  const unit = 10 ** scale;
  const scaled = Math.round(value * unit);
  const size = Math.abs(scaled);
  if (scaled / unit !== value || !(size < 10 ** Math.min(precision, 15)) || scale > 15) return undefined;
  if (scale === 0) return String(scaled + 0);
  const digits = String(size).padStart(scale + 1, "0");
  return `${scaled < 0 ? "-" : ""}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}

/** The exact integer a decimal text stands for (`5.0`, `1e3`), up to 20 digits; undefined when it has a fraction. */
export function exactInteger(text: string): bigint | undefined {
  const digits = formatDecimal(text, 20, 0);
  return digits === undefined ? undefined : BigInt(digits);
}

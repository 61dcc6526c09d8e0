const ZERO = 0x30;
const DASH = 0x2d;

/** Two decimal digits at an offset; NaN when they are none. */
export function twoDigits(text: string, at: number): number {
  const tens = text.charCodeAt(at) - ZERO;
  const ones = text.charCodeAt(at + 1) - ZERO;
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : Number.NaN;
}

const daysBefore = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365] as const;

/** Days from 1970-01-01 to the date `YYYY-MM-DD` at the start of a text; NaN when there is no such day. */
export function epochDays(text: string): number {
  const year = twoDigits(text, 0) * 100 + twoDigits(text, 2);
  const month = twoDigits(text, 5);
  const day = twoDigits(text, 8);
  if (text.charCodeAt(4) !== DASH || text.charCodeAt(7) !== DASH || !(month >= 1 && month <= 12)) return Number.NaN;
  const leap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  const before = daysBefore[month - 1] as number;
  const length = (daysBefore[month] as number) - before + (leap && month === 2 ? 1 : 0);
  if (!(day >= 1 && day <= length)) return Number.NaN;
  const past = year - 1;
  const leapDays = Math.floor(past / 4) - Math.floor(past / 100) + Math.floor(past / 400);
  return year * 365 + leapDays + before + (leap && month > 2 ? 1 : 0) + day - 719_528;
}

/** True for a DATE: `YYYY-MM-DD`, a day that exists. */
export function isDate(text: string): boolean {
  return text.length === 10 && !Number.isNaN(epochDays(text));
}

const time = /^([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,9})?$/;

/** True for a TIME: `HH:MM:SS`, with up to nine digits of a second. */
export function isTime(text: string): boolean {
  return time.test(text);
}

const uuid = /^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$/;

/** True for a UUID in its usual text form, in either case. */
export function isUuid(text: string): boolean {
  return uuid.test(text);
}

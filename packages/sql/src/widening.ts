import type { Column, RowValue, SqlType } from "@x/connector-api";

/** Turns a value of one type into the same value of a wider type. Never called with null. */
export type Widen = (value: RowValue) => RowValue;

/** Leaves the value as it is. */
export const widenNothing: Widen = (value) => value;
const same = widenNothing;

/**
 * How values of `from` become values of `to` without loss: {@link widenNothing} when nothing is to do, undefined when the
 * types differ otherwise and a CAST must say what is meant.
 */
export function createWidening(from: SqlType, to: SqlType): Widen | undefined {
  switch (from.kind) {
    case "integer":
      return widenInteger(from, to);
    case "float":
      return to.kind === "float" && to.bits >= from.bits ? same : undefined;
    case "decimal":
      return to.kind === "decimal" && to.scale >= from.scale && to.precision - to.scale >= from.precision - from.scale
        ? same
        : undefined;
    case "timestamp":
      return to.kind === "timestamp" ? widenTimestamp(from.precision, to.precision) : undefined;
    case "date":
      return to.kind === "timestamp" ? dateToTimestamp(to.precision) : sameKind(from, to);
    case "array":
      return to.kind === "array" ? widenArray(from.element, to.element) : undefined;
    case "struct":
      return to.kind === "struct" ? widenStruct(from.fields, to.fields) : undefined;
    default:
      return sameKind(from, to);
  }
}

/** True when a widening leaves every value as it is. */
export function isSame(widen: Widen): boolean {
  return widen === same;
}

function sameKind(from: SqlType, to: SqlType): Widen | undefined {
  return from.kind === to.kind ? same : undefined;
}

function widenInteger(from: SqlType & { kind: "integer" }, to: SqlType): Widen | undefined {
  if (to.kind === "integer") {
    const fits = from.unsigned === to.unsigned ? to.bits >= from.bits : from.unsigned && to.bits > from.bits;
    return fits ? same : undefined;
  }
  if (to.kind === "float") {
    if (from.bits === 64) return to.bits === 64 ? Number : undefined;
    return to.bits === 64 || from.bits === 16 ? same : undefined;
  }
  const digits = from.bits === 16 ? 5 : from.bits === 32 ? 10 : 20;
  if (to.kind !== "decimal" || to.precision - to.scale < digits) return undefined;
  const zeros = to.scale === 0 ? "" : `.${"0".repeat(to.scale)}`;
  return (value) => String(value) + zeros;
}

/**
 * A Date up to precision 3, bigint microseconds up to 6, bigint nanoseconds up to 9. Within these three nothing is cut
 * off, and nothing need be: they are one type, of which the precision says how many digits are used.
 */
function widenTimestamp(from: number, to: number): Widen | undefined {
  const rank = (precision: number): number => Math.max(1, Math.ceil(precision / 3));
  const steps = rank(to) - rank(from);
  if (steps <= 0) return steps === 0 ? same : undefined;
  const factor = 1000n ** BigInt(steps);
  return (value) => BigInt(value instanceof Date ? value.getTime() : (value as bigint)) * factor;
}

function dateToTimestamp(precision: number): Widen {
  const widen = widenTimestamp(3, precision) ?? same;
  return (value) => widen(new Date(`${String(value)}T00:00:00Z`));
}

function widenArray(from: SqlType, to: SqlType): Widen | undefined {
  const element = createWidening(from, to);
  if (element === undefined || element === same) return element;
  return (value) => (value as readonly RowValue[]).map((item) => (item === null ? null : element(item)));
}

function widenStruct(from: readonly Column[], to: readonly Column[]): Widen | undefined {
  if (from.length !== to.length) return undefined;
  const fields: [string, Widen][] = [];
  for (const [i, field] of from.entries()) {
    const target = to[i];
    const widen = target?.name === field.name ? createWidening(field.type, target.type) : undefined;
    if (widen === undefined) return undefined;
    fields.push([field.name, widen]);
  }
  if (fields.every(([, widen]) => widen === same)) return same;
  return (value) => {
    const struct = value as { readonly [field: string]: RowValue };
    return Object.fromEntries(
      fields.map(([name, widen]) => {
        const item = struct[name] ?? null;
        return [name, item === null ? null : widen(item)];
      }),
    );
  };
}

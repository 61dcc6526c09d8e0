import type { Column } from "@x/connector-api";
import { type CompiledField, compileFields } from "./compile-fields.js";
import type { JsonBytes } from "./json-bytes.js";
import { INTEGER_ROOM, NUMBER_ROOM, putInteger, putString, putText, STRING_ROOM } from "./put-json.js";

/** Writes one value as JSON; throws BadValue for a value that the column's type does not hold. */
export type ValueWriter = (value: unknown, out: JsonBytes) => void;

/** Keys of so many bytes in all are stored byte by byte; a function with more would grow too long to be optimized. */
const MOST_UNROLLED = 2048;
/** Room is made for so many fields at a time: what is left of a slab when it does not hold that is lost. */
const GROUP = 32;
const BRACE_ROOM = 1;

/**
 * Compiles the writer of an object: the declared fields in declared order; other keys are ignored. Keys and the usual
 * values of a type are put into the slab by the source itself, in room made once; everything else is the field's writer's.
 */
export function compileWriter(
  columns: readonly Column[],
  createField: (column: Column) => ValueWriter,
): (row: object, out: JsonBytes) => void {
  if (columns.length === 0) return (_, out) => out.text("{}");
  const keys = columns.map(({ name }, i) => Buffer.from(`${i === 0 ? "{" : ","}${JSON.stringify(name)}:`));
  const unrolled = keys.reduce((sum, { length }) => sum + length, 0) <= MOST_UNROLLED;
  const usual = columns.map(usualOf);
  /** What the source itself puts from this field on, to the end of its group. */
  const roomFrom = (first: number): number => {
    let room = BRACE_ROOM;
    for (let i = first; i < columns.length && (i === first || i % GROUP !== 0); i++) {
      room += (keys[i]?.length ?? 0) + (usual[i]?.room ?? 0);
    }
    return room;
  };
  const makeRoom = (first: number): string => `out.end = at; at = out.room(${roomFrom(first)}); slab = out.slab;`;
  const writeField = ({ value, call }: CompiledField, i: number): string => {
    const key = keys[i] ?? Buffer.alloc(0);
    const stores = unrolled ? [...key].map((byte, at) => `slab[at + ${at}] = ${byte};`) : [`slab.set(k${i}, at);`];
    return `{
      ${i % GROUP === 0 ? makeRoom(i) : ""}
      ${stores.join(" ")} at += ${key.length};
      const v = ${value};
      const end = ${usual[i]?.put};
      if (end !== -1) at = end;
      else { out.end = at; ${call}(v, out); at = out.end; ${makeRoom(i + 1)} }
    }`;
  };
  const write = (fields: readonly CompiledField[]): string => `
    let { end: at, slab } = out;
    ${fields.map(writeField).join("\n")}
    slab[at] = 125;
    out.end = at + 1;`;
  const named = Object.fromEntries(keys.map((key, i) => [`k${i}`, key]));
  return compileFields(columns, createField, write, { putString, putInteger, putText, ...named });
}

interface Usual {
  /** An expression: puts `v` and gives the end, or gives -1 for a value that is not a usual one. */
  readonly put: string;
  readonly room: number;
}

const rare: Usual = { put: "-1", room: 0 };

function usualOf({ type, nullable }: Column): Usual {
  const { put, room } = usualValue(type);
  return nullable ? { put: `v === null ? putText(slab, at, "null") : ${put}`, room: Math.max(4, room) } : { put, room };
}

function usualValue(type: Column["type"]): Usual {
  switch (type.kind) {
    case "text":
      return { put: `typeof v === "string" ? putString(slab, at, v) : -1`, room: STRING_ROOM };
    case "boolean":
      return { put: `typeof v === "boolean" ? putText(slab, at, v ? "true" : "false") : -1`, room: 5 };
    case "float":
      if (type.bits === 32) return rare;
      return { put: `typeof v === "number" && v - v === 0 ? putText(slab, at, "" + v) : -1`, room: NUMBER_ROOM };
    case "integer": {
      if (type.unsigned || type.bits === 16) return rare;
      const test = type.bits === 32 ? `typeof v === "number" && (v | 0) === v` : "Number.isSafeInteger(v)";
      return { put: `${test} ? putInteger(slab, at, v) : -1`, room: INTEGER_ROOM };
    }
    default:
      return rare;
  }
}

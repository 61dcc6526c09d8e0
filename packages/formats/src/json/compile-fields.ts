import type { Column } from "@x/connector-api";

/** The body of a compiled function: `o` is the object, `f0`, `f1`… the functions of its fields, `out` where they write. */
export interface CompiledField {
  /** The field's name as a string literal. */
  readonly key: string;
  /** An expression for the value of the field, wanted or not: `undefined` where the object has none of its own. */
  readonly value: string;
  /** The function for whatever the shortcut does not take. */
  readonly call: string;
  readonly column: Column;
}

/**
 * Compiles one function over the fields of an object from a source that `write` makes of them. Names reach the source
 * only as JSON string literals; `constants` are there under their names. An object literal in it gives every row one hidden class, and a test that stands in
 * the source itself stays fast however many tables a process reads; both were measured against closures and loops.
 */
export function compileFields<Field, Result, Out = void>(
  columns: readonly Column[],
  createField: (column: Column) => Field,
  write: (fields: readonly CompiledField[]) => string,
  constants: Readonly<Record<string, unknown>> = {},
): (object: object, out: Out) => Result {
  const fields = columns.map((column, i): CompiledField => {
    const key = JSON.stringify(column.name);
    // What every object inherits (`constructor`, `__proto__`) is not a field.
    const value = column.name in Object.prototype ? `(Object.hasOwn(o, ${key}) ? o[${key}] : undefined)` : `o[${key}]`;
    return { key, value, call: `f${i}`, column };
  });
  const source = `const [${fields.map(({ call }) => call)}] = functions, { ${Object.keys(constants)} } = constants; return (o, out) => { ${write(fields)} };`;
  return new Function("functions", "constants", source)(columns.map(createField), constants) as (
    object: object,
    out: Out,
  ) => Result;
}

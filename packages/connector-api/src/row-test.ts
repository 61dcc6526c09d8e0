import type { Column, ConnectionSchema, SqlType } from "./connection-schema.js";
import type { Row } from "./row.js";

/** True when a value that is not null fits; what the generated code calls where a line of code is not enough. */
export type ValueTest = (value: unknown) => boolean;

/**
 * Compiles the yes-or-no half of a row check into one function: no call, closure or loop per column where the type can
 * be told in a line. `testOf` gives the test of a scalar that cannot. Undefined where the process forbids generated code
 * (`--disallow-code-generation-from-strings`).
 */
export function compileRowTest(
  schema: ConnectionSchema,
  testOf: (type: SqlType) => ValueTest,
): ((row: Readonly<Row>) => boolean) | undefined {
  const tests: ValueTest[] = [];
  let variables = 0;

  const columnCode = (column: Column, of: string): string => {
    const v = `v${variables++}`;
    const fits = typeCode(column.type, v);
    // Of what NOT NULL refuses, only JSON would take a null by itself.
    const refused = column.nullable
      ? `${v} !== null && ${v} !== undefined && !(${fits})`
      : `${column.type.kind === "json" ? `${v} === null || ` : ""}!(${fits})`;
    return `const ${v} = ${of}[${JSON.stringify(column.name)}]; if (${refused}) return false;`;
  };
  /** An expression about the variable `v`, which holds anything but an allowed null. */
  const typeCode = (type: SqlType, v: string): string => {
    switch (type.kind) {
      case "boolean":
        return `typeof ${v} === "boolean"`;
      case "text":
        return `typeof ${v} === "string"`;
      case "float":
        return `typeof ${v} === "number"`;
      case "integer":
        return integerCode(type, v);
      case "array": {
        const e = `v${variables++}`;
        const fits = typeCode(type.element, e);
        const loop = `for (let i = 0; i < a.length; i++) { const ${e} = a[i]; if (${e} !== null && ${e} !== undefined && !(${fits})) return false; }`;
        return `(Array.isArray(${v}) && ((a) => { ${loop} return true; })(${v}))`;
      }
      case "struct": {
        const fields = type.fields.map((field) => columnCode(field, "o")).join(" ");
        const plain = `typeof ${v} === "object" && ${v} !== null && !Array.isArray(${v}) && !(${v} instanceof Date) && !(${v} instanceof Uint8Array)`;
        return `(${plain} && ((o) => { ${fields} return true; })(${v}))`;
      }
      default:
        return `t${tests.push(testOf(type)) - 1}(${v})`;
    }
  };
  const body = schema.columns.map((column) => columnCode(column, "row")).join("\n");
  const names = tests.map((_, i) => `t${i}`);
  try {
    const make = new Function(...names, `return (row) => { ${body}\nreturn true; };`);
    return make(...tests) as (row: Readonly<Row>) => boolean;
  } catch {
    return undefined;
  }
}

function integerCode({ bits, unsigned }: SqlType & { kind: "integer" }, v: string): string {
  if (bits === 64) {
    const min = unsigned ? "0" : "-9007199254740991";
    const [low, high] = unsigned ? ["0n", `${2n ** 64n - 1n}n`] : [`${-(2n ** 63n)}n`, `${2n ** 63n - 1n}n`];
    const number = `Number.isSafeInteger(${v}) && ${v} >= ${min}`;
    return `(typeof ${v} === "number" ? ${number} : typeof ${v} === "bigint" && ${v} >= ${low} && ${v} <= ${high})`;
  }
  // The bit operators keep what fits and change what does not; -0 stays equal.
  if (bits === 32) return `(typeof ${v} === "number" && ${unsigned ? `(${v} >>> 0)` : `(${v} | 0)`} === ${v})`;
  const [low, high] = unsigned ? [0, 65535] : [-32768, 32767];
  return `(typeof ${v} === "number" && (${v} | 0) === ${v} && ${v} >= ${low} && ${v} <= ${high})`;
}

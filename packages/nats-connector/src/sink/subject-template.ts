import { type ConnectionSchema, ConnectorError, type Row } from "@x/connector-api";
import { parseRowTemplate, type RowTemplate, type TemplateColumn } from "./row-template.js";

/** The subject of each row. Compiled once; a subject without columns costs nothing per row. */
export interface SubjectTemplate {
  readonly source: string;
  /** The same for every row. */
  readonly constant: boolean;
  /** All subjects it can give, as a NATS pattern: each token that holds a column is `*`. */
  readonly pattern: string;
  /**
   * The subject of a row: exactly the tokens of the template, each column confined to its token. Throws BAD_DATA naming
   * the column for a value that is null or empty, that would break out of its token (`.`, `*`, `>`, whitespace, control
   * characters, half a surrogate pair), that makes the subject longer than a server takes, or that would reach a
   * system subject (`$` at the very start).
   */
  subject(row: Readonly<Row>): string;
}

/** Well below the 4096 bytes of a server's `max_control_line`, which also holds reply and sizes and ends the connection. */
const MAX_SUBJECT_BYTES = 2048;
/** Whitespace, control characters, lone surrogates and the characters with a meaning in subjects. */
const BREAKS_OUT = /[.*>\s\p{Cc}\p{Cs}]/u;

/**
 * Compiles `subject = 'orders.{region}.{id}'`. Columns may be integers, booleans, TEXT, UUID, DATE, TIME and DECIMAL
 * without scale. Throws OPTION_INVALID for a subject that no server would take, and for a column whose text holds dots
 * or has no one spelling (floats, timestamps, decimals with a scale).
 */
export function compileSubjectTemplate(source: string, schema: ConnectionSchema, option = "subject"): SubjectTemplate {
  const template = parseRowTemplate(option, source, schema);
  for (const column of template.columns) checkColumn(option, column);
  checkLiterals(option, template);
  const pattern = subjectPattern(template.literals);
  if (template.columns.length === 0) return { source, constant: true, pattern, subject: () => source };
  return { source, constant: false, pattern, subject: compile(template) };
}

/** The text around the columns of a template that is not checked yet. */
export function templateLiterals(source: string): readonly string[] {
  return source.split(/\{[^{}]*\}/);
}

/** All subjects that a template with this text around its columns can give: each token that holds a column is `*`. */
export function subjectPattern(literals: readonly string[]): string {
  return literals
    .join("\u0000")
    .split(".")
    .map((token) => (token.includes("\u0000") ? "*" : token))
    .join(".");
}

function compile(template: RowTemplate): (row: Readonly<Row>) => string {
  const { literals, columns } = template;
  const [first = "", ...rest] = literals;
  const parts = columns.map((column, index) => ({
    name: column.name,
    text: column.text,
    after: rest[index] ?? "",
    leads: first === "" && index === 0,
  }));
  const check = (text: string, name: string, leads: boolean): void => {
    // Plain letters, digits, "-" and "_" are the common case and need no expression.
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      const plain = (code >= 97 && code <= 122) || (code >= 48 && code <= 57) || (code >= 65 && code <= 90);
      if (!plain && code !== 45 && code !== 95) {
        if (BREAKS_OUT.test(text)) throw refused(name, "does not fit in one token of a subject");
        break;
      }
    }
    if (text === "") throw refused(name, "is empty");
    if (leads && text.startsWith("$")) throw refused(name, "would begin a system subject ($…)");
  };
  return (row) => {
    let subject = first;
    for (const part of parts) {
      const value = row[part.name];
      if (value === null || value === undefined) throw refused(part.name, "is null");
      const text = part.text(value);
      check(text, part.name, part.leads);
      subject += text + part.after;
    }
    if (subject.length * 3 > MAX_SUBJECT_BYTES && Buffer.byteLength(subject) > MAX_SUBJECT_BYTES) {
      throw refused(parts[parts.length - 1]?.name ?? "", `makes a subject longer than ${MAX_SUBJECT_BYTES} bytes`);
    }
    return subject;
  };
}

function refused(column: string, why: string): ConnectorError {
  return new ConnectorError("BAD_DATA", `subject: the value of column "${column}" ${why}`, { context: { column } });
}

function checkColumn(option: string, column: TemplateColumn): void {
  const { type, name } = column;
  const bad = type.kind === "float" || type.kind === "timestamp" || (type.kind === "decimal" && type.scale > 0);
  if (!bad) return;
  throw new ConnectorError(
    "OPTION_INVALID",
    `${option}: column "${name}" is ${type.kind}, whose text can hold dots; use an integer, BOOLEAN, TEXT, UUID, DATE or TIME column`,
  );
}

function checkLiterals(option: string, template: RowTemplate): void {
  const shape = template.literals.join("x");
  const reason = /[*>]/.test(shape)
    ? 'holds a wildcard ("*" or ">")'
    : /[\s\p{Cc}\p{Cs}]/u.test(shape)
      ? "holds a space or a control character"
      : shape.split(".").includes("")
        ? "has an empty token"
        : Buffer.byteLength(shape) > MAX_SUBJECT_BYTES
          ? `is longer than ${MAX_SUBJECT_BYTES} bytes`
          : undefined;
  if (reason === undefined) return;
  throw new ConnectorError(
    "OPTION_INVALID",
    `${option}: "${template.source}" is no subject to publish to: it ${reason}`,
  );
}

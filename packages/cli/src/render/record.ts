import type { JsonValue } from "@x/connector-api";

/** A JSON object for people: `name: value` lines, indented by depth, names aligned among neighbours. */
export function renderRecord(record: object, indent = ""): string {
  const entries = Object.entries(record as Record<string, JsonValue | undefined>).filter(
    ([, value]) => value !== undefined,
  );
  const width = Math.max(0, ...entries.filter(([, value]) => isFlat(value)).map(([name]) => name.length));
  return entries
    .map(([name, value]) => {
      if (isFlat(value)) return `${indent}${`${name}:`.padEnd(width + 1)} ${flat(value)}\n`;
      return `${indent}${name}:\n${nested(value, `${indent}  `)}`;
    })
    .join("");
}

function nested(value: JsonValue | undefined, indent: string): string {
  if (!Array.isArray(value)) return renderRecord(value as object, indent);
  return value.map((each) => `${indent}${flat(each)}\n`).join("");
}

/** What fits in one line. */
function isFlat(value: JsonValue | undefined): boolean {
  if (typeof value !== "object" || value === null) return true;
  return Array.isArray(value) ? value.length === 0 : Object.keys(value).length === 0;
}

function flat(value: JsonValue | undefined): string {
  if (Array.isArray(value) && value.length === 0) return "none";
  return typeof value === "string" ? value : JSON.stringify(value);
}

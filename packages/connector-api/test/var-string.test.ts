import { fc, test } from "@fast-check/vitest";
import { describe, expect, it } from "vitest";
import { parseVarString, resolveVars, variablesOf } from "../src/index.js";

const name = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,8}$/);
const literal = fc.string().filter((text) => !text.includes("{{") && !text.endsWith("{"));
const value = fc.string();

describe("resolveVars", () => {
  test.prop([fc.array(fc.oneof(literal, fc.record({ name, value, pad: fc.stringMatching(/^ {0,2}$/) })))])(
    "puts each variable in its place and takes values as they are",
    (parts) => {
      const environment: Record<string, string> = Object.create(null);
      for (const part of parts) if (typeof part !== "string") environment[part.name] ??= part.value;
      const text = parts
        .map((part) => (typeof part === "string" ? part : `{{${part.pad}${part.name}${part.pad}}}`))
        .join("");
      const expected = parts.map((part) => (typeof part === "string" ? part : environment[part.name])).join("");
      expect(resolveVars(text, { ...environment })).toBe(expected);
    },
  );

  it("names the variable and the option when a variable is missing", () => {
    const place = { line: 3, column: 9, length: 15 };
    expect(() => resolveVars("nats://{{ NATS_URL }}", {}, { name: "servers", place })).toThrow(
      expect.objectContaining({
        code: "ENV_MISSING",
        message: 'option "servers" needs the environment variable NATS_URL, which is not set',
        place,
        context: { variable: "NATS_URL", option: "servers" },
      }),
    );
  });

  it("takes an empty variable as set, and nothing that the environment only inherits", () => {
    expect(resolveVars("a{{ EMPTY }}b", { EMPTY: "" })).toBe("ab");
    expect(() => resolveVars("{{ toString }}", {})).toThrow(expect.objectContaining({ code: "ENV_MISSING" }));
  });

  it.each(["{{", "{{ }}", "{{ A-B }}", "{{ 1A }}", "a {{ B", "{{ A }} {{"])("refuses %j without showing it", (text) => {
    expect(() => parseVarString(`s3cret${text}`, { name: "auth.password" })).toThrow(
      expect.objectContaining({
        code: "OPTION_INVALID",
        message: expect.stringMatching(
          /^option "auth.password" has "\{\{" at character \d+ that begins no reference(?!.*s3cret)/,
        ),
      }),
    );
  });
});

describe("variablesOf", () => {
  it("lists each variable once, in order", () => {
    expect(variablesOf("{{ B }}:{{A}}@{{ B }}")).toEqual(["B", "A"]);
    expect(variablesOf("plain }} text")).toEqual([]);
  });
});

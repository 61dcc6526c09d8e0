import { ConnectorError } from "@x/connector-api";
import { describe, expect, test } from "vitest";
import { renderError } from "../../src/render/error.js";

const at = (line: number, column: number, length: number) => ({ place: { line, column, length } });

describe("renderError", () => {
  test("names file, line and column, shows the line and a caret under the place", () => {
    const file = { name: "jobs.sql", text: "CREATE TABLE t (n INT)\nWITH (strem = 'A');\n" };
    const error = new ConnectorError("OPTION_UNKNOWN", 'unknown option "strem"; did you mean "stream"?', at(2, 7, 5));
    expect(renderError(error, file)).toEqual({
      exitCode: 2,
      text: [
        'jobs.sql:2:7: OPTION_UNKNOWN: unknown option "strem"; did you mean "stream"?',
        "WITH (strem = 'A');",
        "      ^^^^^",
      ].join("\n"),
    });
  });

  test("keeps tabs, so that the caret stands where it should in any terminal", () => {
    const file = { name: "f", text: "\tWITH (x)" };
    const { text } = renderError(new ConnectorError("OPTION_UNKNOWN", "m", at(1, 8, 1)), file);
    expect(text.split("\n")[2]).toBe("\t      ^");
  });

  test.each([
    ["'auth.password' = 'hunter2', strem = 'A'", "strem", "'auth.password' = [secret], strem = 'A'"],
    ["auth.token=hunter2, strem = 'A'", "strem", "auth.token=[secret], strem = 'A'"],
    ["'auth.nkey_seed' = 'it''s hunter2' , strem=1", "strem", "'auth.nkey_seed' = [secret] , strem=1"],
    ["strem = 'A', \"auth.jwt\" = 'hunter2'", "strem", "strem = 'A', \"auth.jwt\" = [secret]"],
    ["'auth.pasword' = 'hunter2', x", "'auth.pasword'", "'auth.pasword' = [secret], x"],
    ["password = 'hunter2', strem = 1", "password", "password = [secret], strem = 1"],
    ["'auth.password' 'hunter2', strem = 1", "strem", "'auth.password' [secret], strem = 1"],
    ["'auth.token' = \"hunter 2\", strem = 1", "strem", "'auth.token' = [secret], strem = 1"],
    ["'header.X-Api-Key' = 'hunter2', strem = 1", "strem", "'header.X-Api-Key' = [secret], strem = 1"],
    [
      "subject = 'out, 'auth.password' = 'hunter2', strem = 1",
      "strem",
      "subject = 'out, 'auth.password' = [secret], strem = 1",
    ],
    ["strem = 1, 'auth.token' = 'it's hunter2', x = 2", "strem", "strem = 1, 'auth.token' = [secret]"],
    ["servers = 'nats://app:hunter2@host', strem = 1", "strem", "servers = 'nats://[secret]@host', strem = 1"],
    ["strem = 1, 'auth.token' = 'hunter2 is not closed", "strem", "strem = 1, 'auth.token' = [secret]"],
    [
      "'auth.type' = 'token', 'auth.token_file' = 'f', strem = 1",
      "strem",
      "'auth.type' = 'token', 'auth.token_file' = 'f', strem = 1",
    ],
  ])("hides secrets in %s and moves the caret along", (line, word, shown) => {
    const column = line.indexOf(word) + 1;
    const error = new ConnectorError("OPTION_UNKNOWN", "m", at(1, column, word.length));
    const [, excerpt = "", caret = ""] = renderError(error, { name: "f", text: line }).text.split("\n");
    expect(excerpt).toBe(shown);
    expect(excerpt.slice(caret.indexOf("^"), caret.lastIndexOf("^") + 1)).toBe(word);
  });

  test.each([
    [2, "SEED", "[secret]"],
    [3, "strem", "[secret], strem = 'A')"],
  ])("hides a secret of several lines in line %i", (number, word, shown) => {
    const lines = [
      "WITH ('auth.creds' = '-----BEGIN USER NKEY SEED-----",
      "SUAHUNTER2 SEED",
      "-----END', strem = 'A')",
    ];
    const column = (lines[number - 1] ?? "").indexOf(word) + 1;
    const error = new ConnectorError("OPTION_UNKNOWN", "m", at(number, column, word.length));
    const text = lines.join("\r\n");
    const [, excerpt = "", caret = ""] = renderError(error, { name: "f", text }).text.split("\n");
    expect(excerpt).toBe(shown);
    expect(excerpt.slice(caret.indexOf("^"), caret.lastIndexOf("^") + 1)).toBe(number === 2 ? "[secret]" : word);
  });

  test("a place on the secret itself points at what is shown instead", () => {
    const line = "'auth.password' = 'hunter2'";
    const error = new ConnectorError("OPTION_INVALID", "m", at(1, line.indexOf("'hunter2'") + 1, 9));
    const [, excerpt = "", caret = ""] = renderError(error, { name: "f", text: line }).text.split("\n");
    expect(excerpt.slice(caret.indexOf("^"), caret.lastIndexOf("^") + 1)).toBe("[secret]");
  });

  test("an error of nobody's making is UNEXPECTED with exit code 1, and shows a stack only when asked", () => {
    const error = new TypeError("x is not a function");
    expect(renderError(error)).toEqual({ exitCode: 1, text: "nats-pipeline: UNEXPECTED: x is not a function" });
    expect(renderError(error, undefined, true).text).toContain("    at ");
  });
});

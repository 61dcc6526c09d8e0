import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isConnectorError } from "@x/connector-api";
import { afterAll, describe, expect, test } from "vitest";
import { loadPlugins } from "../src/load-plugins.js";

const folder = mkdtempSync(join(tmpdir(), "plugins-"));
afterAll(() => rmSync(folder, { recursive: true }));

let files = 0;
function write(code: string): string {
  files += 1;
  const path = join(folder, `plugin-${files}.mjs`);
  writeFileSync(path, code);
  return path;
}

const format = (name: string): string => `{ name: "${name}", text: true, fromOptions: () => ({}), parse: () => ({}) }`;
const connector = (name: string): string =>
  `{ name: "${name}", fromOptions() {}, parseProfile() {}, makeOperator() {} }`;

async function failureOf(...paths: string[]): Promise<string> {
  try {
    await loadPlugins(paths, {});
  } catch (error) {
    if (isConnectorError(error)) return `${error.code}: ${error.message}`;
    throw error;
  }
  return "loaded";
}

describe("loadPlugins", () => {
  test("puts the lists of all modules together and gives connectors the host", async () => {
    const one = write(`export const formats = [${format("csv")}];`);
    const two = write(
      `export const connectors = [(host) => ({ ...${connector("files")}, formats: host.formats.map((f) => f.name), variable: host.environment.X })];
       export const auth = [{ type: "kerberos", optionNames: [], fromOptions() {}, parse() {}, open() {} }];`,
    );
    const extensions = await loadPlugins([two, one], { X: "y" });
    expect(extensions.formats.map(({ name }) => name)).toEqual(["csv"]);
    expect(extensions.auth.map(({ type }) => type)).toEqual(["kerberos"]);
    expect(extensions.connectors).toMatchObject([{ name: "files", variable: "y" }]);
    expect(extensions.connectors[0]).toMatchObject({ formats: expect.arrayContaining(["json", "csv"]) });
  });

  test.each([
    ["export const format = [];", "expected an export named formats, connectors, auth; it exports format"],
    ["", "it exports nothing"],
    ["throw new Error('not today');", "cannot be loaded: not today"],
    ["import 'no-such-package';", "cannot be loaded: Cannot find package 'no-such-package'"],
    ["export const formats = {};", "formats: expected an array, got object"],
    ["export const formats = ['csv'];", "formats[0]: expected an object, got string"],
    [`export const formats = [{ name: "csv" }];`, "formats[0].text: expected a boolean, got undefined"],
    [`export const formats = [${format("")}];`, "formats[0].name: expected a text that is not empty"],
    [`export const formats = [${format("json")}];`, 'the format "json" is builtin; give one of them another name'],
    [`export const connectors = [${connector("nats")}];`, 'the connector "nats" is builtin'],
    ["export const connectors = [() => ({})];", "connectors[0]().name: expected a text"],
    ["export const connectors = [() => { throw new Error('no'); }];", "connectors[0]: the function threw: no"],
    [
      `export const auth = [{ type: "jwt", fromOptions() {}, parse() {}, open() {} }];`,
      'auth strategy "jwt" is builtin',
    ],
  ])("%s is refused", async (code, message) => {
    const path = write(code);
    const failure = await failureOf(path);
    expect(failure).toContain(`USAGE: --plugin ${path}: `);
    expect(failure).toContain(message);
  });

  test.each([
    ["formats", 'format "csv"', `{ name: "csv", text: true, parse: () => ({}), `],
    ["connectors", 'connector "files"', `{ name: "files", parseProfile() {}, makeOperator() {}, `],
    ["auth", 'auth strategy "kerberos"', `{ type: "kerberos", optionNames: [], parse() {}, open() {}, `],
  ] as const)("an error of one of its %s names it, unless it has a code", async (list, what, members) => {
    const code = (thrown: string): string =>
      write(`export const ${list} = [Object.freeze(${members} fromOptions() { throw ${thrown}; } })];`);
    const failureOf = async (path: string): Promise<unknown> => {
      const [item] = (await loadPlugins([path], {}))[list];
      try {
        return (item as unknown as { fromOptions(): unknown }).fromOptions();
      } catch (error) {
        return error;
      }
    };
    const path = code("new TypeError('no such folder')");
    expect(await failureOf(path)).toMatchObject({
      code: "USAGE",
      message: `--plugin ${path}: ${what}: fromOptions threw: no such folder`,
      cause: { message: "no such folder" },
    });
    const coded = code(
      `Object.assign(new Error("no"), { [Symbol.for("@x/connector-api/ConnectorError")]: true, code: "OPTION_INVALID" })`,
    );
    expect(await failureOf(coded)).toMatchObject({ code: "OPTION_INVALID" });
  });

  test("an object of a class keeps its private members", async () => {
    const path = write(`class Files {
      #root = "/data";
      name = "files";
      fromOptions() {} parseProfile() { return this.#root; } makeOperator() {}
    }
    export const connectors = [new Files()];`);
    expect((await loadPlugins([path], {})).connectors[0]?.parseProfile({})).toBe("/data");
  });

  test("a file that is not there, and two plugins with one name", async () => {
    expect(await failureOf("./nowhere.mjs")).toBe("USAGE: --plugin ./nowhere.mjs: no such file");
    const [one, two] = [
      write(`export const formats = [${format("csv")}];`),
      write(`export const formats = [${format("csv")}];`),
    ];
    expect(await failureOf(one, two)).toBe(
      `USAGE: --plugin ${two}: the format "csv" also comes from ${one}; give one of them another name`,
    );
  });
});

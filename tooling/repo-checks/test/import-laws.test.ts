import { describe, expect, test } from "vitest";
import { importCircles } from "../src/import-circles.js";
import { filesBelow, foldersOf, importsOf, type SourceFile } from "../src/workspace.js";

/** Who may import whom, and which libraries. The whole architecture in ten lines: see docs/architecture.md. */
const laws: Readonly<Record<string, readonly string[]>> = {
  "connector-api": [],
  "nats-auth": ["@x/connector-api", "nkeys.js"],
  formats: ["@x/connector-api", "avsc", "protobufjs"],
  "nats-connector": ["@x/connector-api", "@x/formats", "@x/nats-auth", "nats", "zod"],
  sql: ["@x/connector-api", "@guanmingchiu/sqlparser-ts", "@duckdb/node-api"],
  runtime: ["@x/connector-api", "@opentelemetry/api"],
  "nats-testkit": ["nkeys.js"],
  cli: [
    "@x/connector-api",
    "@x/formats",
    "@x/nats-auth",
    "@x/nats-connector",
    "@x/runtime",
    "@x/sql",
    "commander",
    "picocolors",
  ],
};

const sourcesOf = (name: string): SourceFile[] => filesBelow(`packages/${name}/src`, /\.ts$/);

/** The package of a bare specifier: `@x/formats/testing` → `@x/formats`. */
const packageOf = (specifier: string): string => specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/");

const bareImports = (file: SourceFile): string[] =>
  importsOf(file)
    .map(({ specifier }) => specifier)
    .filter((specifier) => !specifier.startsWith(".") && !specifier.startsWith("node:"))
    .map(packageOf);

test("every package has its law", () => {
  expect(foldersOf("packages")).toEqual(Object.keys(laws).sort());
});

describe.each(Object.keys(laws))("packages/%s", (name) => {
  test("imports along its lines only", () => {
    const allowed = new Set(laws[name]);
    const broken = sourcesOf(name).flatMap((file) =>
      bareImports(file)
        .filter((imported) => !allowed.has(imported))
        .filter((imported) => !(imported === "vitest" && file.path.includes("/src/testing/")))
        .map((imported) => `${file.path} → ${imported}`),
    );
    expect(broken).toEqual([]);
  });
});

test.each(["packages", "apps"])("no files below %s import each other in a circle, not even for types", (folder) => {
  const sources = filesBelow(folder, /\.ts$/).filter((file) => file.path.includes("/src/"));
  expect(importCircles(sources)).toEqual([]);
});

test("a circle of imports is found", () => {
  const file = (path: string, ...imports: string[]): SourceFile => ({
    path,
    text: imports.map((name) => `import { x } from "./${name}.js";\n`).join(""),
  });
  const files = [
    file("a/one.ts", "two"),
    file("a/two.ts", "three", "four"),
    file("a/three.ts", "one"),
    file("a/four.ts"),
  ];
  expect(importCircles(files)).toEqual([["a/one.ts", "a/three.ts", "a/two.ts"]]);
});

test("Node built-ins stay out of connector-api, except below node/ and testing/", () => {
  const broken = sourcesOf("connector-api")
    .filter((file) => !/\/src\/(node|testing)\//.test(file.path))
    .flatMap((file) => importsOf(file).map(({ specifier }) => `${file.path} → ${specifier}`))
    .filter((line) => line.includes("→ node:"));
  expect(broken).toEqual([]);
});

test("in nats-connector only nats-connector.ts and the direct API import implementations of formats and auth", () => {
  const doors = /^packages\/nats-connector\/src\/(nats-connector|direct|direct\/[^/]+)\.ts$/;
  const broken = sourcesOf("nats-connector")
    .filter((file) => !doors.test(file.path))
    .flatMap((file) =>
      importsOf(file)
        .filter(({ specifier, typeOnly }) => !typeOnly && /^@x\/(formats|nats-auth)(\/|$)/.test(specifier))
        .map(({ specifier }) => `${file.path} → ${specifier}`),
    );
  expect(broken).toEqual([]);
});

test("one file alone imports the NATS client", () => {
  const users = sourcesOf("nats-connector").filter((file) => bareImports(file).includes("nats"));
  expect(users.map((file) => file.path)).toEqual(["packages/nats-connector/src/open-connection.ts"]);
});

test("the data path never uses the client's own JetStream", () => {
  const broken = sourcesOf("nats-connector").filter((file) =>
    /\.(jetstream|jetstreamManager|consume)\(/.test(file.text),
  );
  expect(broken.map((file) => file.path)).toEqual([]);
});

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { filesBelow, foldersOf, importsOf, readJson, root } from "../src/workspace.js";

const packages = foldersOf("packages");
const sources = [
  ...packages.flatMap((name) => filesBelow(`packages/${name}/src`, /\.ts$/)),
  ...filesBelow("apps", /\.m?ts$/).filter((file) => file.path.includes("/src/")),
  ...filesBelow("tooling", /\.(ts|mjs)$/).filter((file) => !file.path.includes("/test/")),
];

describe("files", () => {
  const lengths = sources.map((file) => file.text.split("\n").length - 1).sort((a, b) => a - b);
  const at = (share: number): number => lengths[Math.floor((lengths.length - 1) * share)] ?? 0;

  test("median ≤ 110 lines, p90 ≤ 300", () => {
    expect(at(0.5)).toBeLessThanOrEqual(110);
    expect(at(0.9)).toBeLessThanOrEqual(300);
  });

  test("none over 450 lines", () => {
    const long = sources.filter((file) => file.text.split("\n").length - 1 > 450);
    expect(long.map((file) => file.path)).toEqual([]);
  });

  test("are named for what they export", () => {
    const vague = sources.filter((file) => /\/(utils?|helpers?|common|types|misc)\.ts$/.test(file.path));
    expect(vague.map((file) => file.path)).toEqual([]);
  });

  test("index.ts only points, with named exports", () => {
    const broken = sources
      .filter((file) => file.path.endsWith("/index.ts"))
      .filter((file) => {
        const code = file.text.replace(/^\/\/.*$/gm, "").replace(/\/\*[\s\S]*?\*\//g, "");
        return /export \*/.test(code) || !/^(\s*export (type )?\{[^}]*\} from "[^"]+";)*\s*$/.test(code);
      });
    expect(broken.map((file) => file.path)).toEqual([]);
  });

  test("a TODO has a reason to act on", () => {
    const bare = sources.filter((file) => /\b(TODO|FIXME|HACK)\b(?!: .{20})/.test(file.text));
    expect(bare.map((file) => file.path)).toEqual([]);
  });
});

describe.each(packages)("packages/%s", (name) => {
  const manifest = readJson(`packages/${name}/package.json`);

  test("is ready to be published", () => {
    expect(manifest).toMatchObject({
      name: `@x/${name}`,
      license: "Apache-2.0",
      type: "module",
      sideEffects: false,
      engines: { node: ">=20.19" },
      publishConfig: { access: "public" },
    });
    expect(manifest).not.toHaveProperty("private");
    for (const file of ["README.md", "LICENSE", "tsconfig.json"]) {
      expect(existsSync(join(root, "packages", name, file)), file).toBe(true);
    }
  });

  test("declares what its sources import, and nothing it does not", () => {
    const declared = new Set([
      ...Object.keys((manifest.dependencies ?? {}) as object),
      ...Object.keys((manifest.peerDependencies ?? {}) as object),
    ]);
    const imported = new Set(
      filesBelow(`packages/${name}/src`, /\.ts$/)
        .flatMap(importsOf)
        .map(({ specifier }) => specifier)
        .filter((specifier) => !specifier.startsWith(".") && !specifier.startsWith("node:"))
        .map((specifier) => specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/")),
    );
    // The command brings DuckDB along for @x/sql, where it is an optional peer.
    if (name === "cli") imported.add("@duckdb/node-api");
    expect([...imported].filter((one) => !declared.has(one))).toEqual([]);
    expect([...declared].filter((one) => !imported.has(one))).toEqual([]);
  });

  test("has had a changeset", () => {
    const folder = join(root, ".changeset");
    const changesets = readdirSync(folder)
      .filter((file) => file.endsWith(".md"))
      .map((file) => readFileSync(join(folder, file), "utf8"));
    const changelog = existsSync(join(root, "packages", name, "CHANGELOG.md"));
    expect(changelog || changesets.some((text) => text.includes(`"@x/${name}":`))).toBe(true);
  });
});

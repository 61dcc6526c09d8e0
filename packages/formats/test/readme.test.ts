import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");

/** The code of the README stands in files of its own, so that it is compiled and run. */
test.each(["rows", "schemas"])("the README's %s run as they stand", async (name) => {
  const code = readFileSync(new URL(`readme/${name}.ts`, import.meta.url), "utf8");
  expect(readme).toContain(`\`\`\`ts\n${code}\`\`\``);
  await import(`./readme/${name}.ts`);
});

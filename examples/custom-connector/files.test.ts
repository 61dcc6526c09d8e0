import { appendFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describeConnector, suiteSchema } from "@x/connector-api/testing";
import { builtinFormats } from "@x/formats";
import { filesConnector } from "./files.mjs";

// The laws of a connector and of its operators. This file says what only its author knows: how somebody else makes
// input for it, and how somebody else reads its output.
describeConnector("files", {
  connector: filesConnector({ formats: builtinFormats }),
  tables: [
    { type: "source", options: { path: "/data/in", format: "json" }, schema: suiteSchema },
    { type: "sink", options: { path: "/data/out.jsonl", format: "json" }, schema: suiteSchema },
  ],
  sources: {
    "a folder": async () => {
      const folder = await mkdtemp(join(tmpdir(), "files-"));
      const file = join(folder, "rows.jsonl");
      return {
        options: { path: folder, format: "json" },
        append: (rows) => appendFile(file, rows.map((row) => `${JSON.stringify(row)}\n`).join("")),
        appendBad: () => appendFile(file, "no row\n"),
        [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
      };
    },
  },
  sinks: {
    "a file": async () => {
      const folder = await mkdtemp(join(tmpdir(), "files-"));
      const file = join(folder, "rows.jsonl");
      await writeFile(file, "");
      return {
        options: { path: file, format: "json" },
        read: async () =>
          (await readFile(file, "utf8"))
            .split("\n")
            .slice(0, -1)
            .map((line) => JSON.parse(line)),
        [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
      };
    },
  },
});

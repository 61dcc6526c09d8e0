#!/usr/bin/env node
import { main, renderError } from "../dist/index.js";

process.on("uncaughtException", (error) => {
  process.stderr.write(`${renderError(error).text}\n`);
  process.exit(1);
});
process.exitCode = await main(process.argv.slice(2));

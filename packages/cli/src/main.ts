import { CommanderError } from "commander";
import type { Output } from "./output.js";
import { createProgram } from "./program.js";
import { renderError } from "./render/error.js";

/**
 * Runs the command line and resolves to the exit code (`docs/errors.md`). Never rejects and never ends the process by
 * itself, so that output still being written is not lost.
 */
export async function main(argv: readonly string[], output: Output = process): Promise<number> {
  // A reader that has gone (`| head`) is no reason to crash; who needs to know listens for itself.
  for (const stream of [output.stdout, output.stderr]) stream.on("error", () => {});
  let exitCode = 0;
  const program = createProgram(output, (code) => {
    exitCode = code;
  });
  try {
    await program.parseAsync([...argv], { from: "user" });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    const rendered = renderError(error);
    output.stderr.write(`${rendered.text}\n`);
    return rendered.exitCode;
  }
}

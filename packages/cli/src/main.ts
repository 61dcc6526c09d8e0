import { setImmediate as nextTurn } from "node:timers/promises";
import { ConnectorError } from "@x/connector-api";
import { CommanderError } from "commander";
import type { Output } from "./output.js";
import { createProgram } from "./program.js";
import { renderError } from "./render/error.js";

/**
 * Runs the command line and resolves to the exit code (`docs/errors.md`). Never rejects and never ends the process by
 * itself, so that output still being written is not lost.
 */
export async function main(argv: readonly string[], output: Output = process): Promise<number> {
  // A reader that has gone (`| head`) is no reason to crash, nor to fail: it has what it wanted.
  let unwritten: NodeJS.ErrnoException | undefined;
  const onError = (error: NodeJS.ErrnoException): void => {
    if (error.code !== "EPIPE") unwritten ??= error;
  };
  output.stdout.on("error", onError);
  output.stderr.on("error", () => {});
  let exitCode = 0;
  const program = createProgram(output, (code) => {
    exitCode = code;
  });
  try {
    await program.parseAsync([...argv], { from: "user" });
  } catch (error) {
    exitCode = error instanceof CommanderError ? refuse(error, argv, output) : report(error, output);
  }
  // What was written last is told of in the next turn.
  await nextTurn();
  if (unwritten === undefined || exitCode !== 0) return exitCode;
  const reason = unwritten.code ?? unwritten.message;
  return report(new ConnectorError("UNEXPECTED", `stdout cannot be written: ${reason}`), output);
}

/** The command line itself is wrong, which commander has said on stderr; or it was answered, as `--help` is. */
function refuse({ exitCode, code, message }: CommanderError, argv: readonly string[], output: Output): number {
  if (exitCode === 0) return 0;
  if (argv.includes("--json")) {
    const said = code === "commander.help" ? "a command is missing" : message.replace(/^error: /, "");
    const event = { event: "error", code: "USAGE", exitCode: 2, message: said };
    output.stdout.write(`${JSON.stringify(event)}\n`);
  }
  return 2;
}

function report(error: unknown, output: Output): number {
  const { text, exitCode } = renderError(error);
  output.stderr.write(`${text}\n`);
  return exitCode;
}

import { Writable } from "node:stream";
import { main } from "@x/cli";
import type { CliResult } from "./run-cli.js";

/** The command in this process: for many short runs, none of which should pay for a start. */
export async function runHere(args: readonly string[]): Promise<Omit<CliResult, "pipelines">> {
  const [stdout, stderr]: [string[], string[]] = [[], []];
  const exitCode = await main(args, { stdout: writingTo(stdout), stderr: writingTo(stderr) });
  return { exitCode, stdout: stdout.join(""), stderr: stderr.join("") };
}

function writingTo(written: string[]): Writable {
  return new Writable({
    write(chunk, _encoding, done) {
      written.push(String(chunk));
      done();
    },
  });
}

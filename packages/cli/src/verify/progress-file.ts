import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { ConnectorError } from "@x/connector-api";

/** How far a verification has come: what was counted, and where each of its two walks goes on. */
export interface Progress {
  /** What is verified; a file of something else is not taken up. */
  readonly of: string;
  /** The last input that is looked at; absent when it is the stream's end. Checkpoints move on meanwhile. */
  readonly to?: number | undefined;
  readonly nextInput: number;
  readonly nextOutput: number;
  readonly tally: object;
}

/** Undefined when there is no file. USAGE for a file about something else, or that is none. */
export function readProgress(file: string, of: string): Progress | undefined {
  if (!existsSync(file)) return undefined;
  let saved: Partial<Progress>;
  try {
    saved = JSON.parse(readFileSync(file, "utf8")) as Partial<Progress>;
  } catch (cause) {
    throw new ConnectorError("USAGE", `--progress ${file}: it is no file of verify`, { cause });
  }
  const { to, nextInput, nextOutput, tally } = saved;
  if (saved.of === of && nextInput !== undefined && nextOutput !== undefined && tally !== undefined) {
    return { of, to, nextInput, nextOutput, tally };
  }
  throw new ConnectorError("USAGE", `--progress ${file}: it is about another pipeline, query, range or key; remove it`);
}

/** In one step, so that a crash leaves the one before. */
export function writeProgress(file: string, progress: Progress): void {
  writeFileSync(`${file}.new`, JSON.stringify(progress));
  renameSync(`${file}.new`, file);
}

export function removeProgress(file: string): void {
  rmSync(file, { force: true });
}

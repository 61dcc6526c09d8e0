import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A temporary folder for SQL files and state, gone when it is disposed. */
export interface WorkFolder extends Disposable {
  readonly path: string;
  /** Writes a file and returns its path. */
  write(name: string, text: string): string;
}

export function openWorkFolder(): WorkFolder {
  const path = mkdtempSync(join(tmpdir(), "nats-pipeline-e2e-"));
  return {
    path,
    write(name, text) {
      const file = join(path, name);
      writeFileSync(file, text);
      return file;
    },
    [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }),
  };
}

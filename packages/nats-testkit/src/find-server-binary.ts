import { accessSync, constants, readdirSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";

const FILE_NAME = process.platform === "win32" ? "nats-server.exe" : "nats-server";

/**
 * The nats-server binary to run: `NATS_SERVER_BIN`, else the first in `PATH`, else the newest in
 * `${XDG_CACHE_HOME:-~/.cache}/x-nats-connector/nats-server/<version>/`. Nothing is downloaded. Throws when there is
 * none, and when `NATS_SERVER_BIN` names a file that cannot be executed.
 */
export function findServerBinary(env: NodeJS.ProcessEnv = process.env): string {
  const chosen = env.NATS_SERVER_BIN;
  if (chosen) {
    if (isExecutable(chosen)) return chosen;
    throw new Error(
      `NATS_SERVER_BIN is "${chosen}", expected an executable file: point it at a nats-server binary or unset it`,
    );
  }
  for (const folder of (env.PATH ?? "").split(delimiter)) {
    if (folder && isExecutable(join(folder, FILE_NAME))) return join(folder, FILE_NAME);
  }
  const cache = join(env.XDG_CACHE_HOME || join(env.HOME || homedir(), ".cache"), "x-nats-connector", "nats-server");
  for (const version of versionsIn(cache)) {
    if (isExecutable(join(cache, version, FILE_NAME))) return join(cache, version, FILE_NAME);
  }
  throw new Error(
    `found no nats-server: NATS_SERVER_BIN is not set, PATH has none, ${cache} has none. ` +
      "Install nats-server (2.12 or newer), or set NATS_SERVER_BIN to its path.",
  );
}

function versionsIn(cache: string): string[] {
  let names: string[];
  try {
    names = readdirSync(cache);
  } catch {
    return [];
  }
  const newestFirst = new Intl.Collator("en", { numeric: true });
  return names.filter((name) => /^\d+\.\d+\.\d+$/.test(name)).sort((a, b) => newestFirst.compare(b, a));
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

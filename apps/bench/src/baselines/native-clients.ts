import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** A client outside Node: a program in `native/` that does the work of a sink. */
interface NativeClient {
  /** Builds the program `target` in the folder `build`, where its sources are; throws when that cannot be done here. */
  readonly compile: (build: string, target: string) => void;
  readonly language: string;
  /** What a machine that lacks it can install. */
  readonly needs: string;
}

const SOURCES = fileURLToPath(new URL("../../native", import.meta.url));
/** Outside the sources, and kept: the Rust client takes more than a minute. */
const BUILDS = fileURLToPath(new URL("../../.native", import.meta.url));
/** Sources may come from a registry that does not answer. */
const TIMEOUT_MS = 240_000;

/** THE list of clients outside Node, by their names in reports. */
export const nativeClients = {
  libnats: {
    language: "c",
    needs: "a C compiler, libnats and its header (Debian: gcc, libnats-dev)",
    compile: (build, target) => run(build, "cc", ["-O2", "-o", target, "sink.c", "-lnats"]),
  },
  "nats.go": {
    language: "go",
    needs: "Go, and its client from the module proxy",
    compile: (build, target) => run(build, "go", ["build", "-o", target, "."]),
  },
  "async-nats": {
    language: "rust",
    needs: "Rust with cargo, and its client from the crate registry",
    compile: (build, target) => {
      run(build, "cargo", ["build", "--release", "--quiet"]);
      cpSync(join(build, "target", "release", "sink"), target);
    },
  },
} as const satisfies Readonly<Record<string, NativeClient>>;

export type NativeClientName = keyof typeof nativeClients;

/** The program of a client, built when it is not up to date. Throws with what is missing. */
export function buildNativeClient(name: NativeClientName): string {
  const { language, needs, compile }: NativeClient = nativeClients[name];
  const build = join(BUILDS, language);
  const target = join(build, "bench-sink");
  mkdirSync(build, { recursive: true });
  cpSync(join(SOURCES, language), build, { recursive: true, preserveTimestamps: true });
  try {
    compile(build, target);
  } catch (error) {
    throw new Error(`it needs ${needs}: ${(error as Error).message}`);
  }
  return target;
}

/** The clients that can be built here; says loudly which cannot, and why. */
export function buildableClients(lane: string): NativeClientName[] {
  return (Object.keys(nativeClients) as NativeClientName[]).filter((name) => {
    try {
      buildNativeClient(name);
      return true;
    } catch (error) {
      console.error(`${lane}: SKIPPED ${name}: ${(error as Error).message}`);
      return false;
    }
  });
}

function run(cwd: string, command: string, args: readonly string[]): void {
  const { error, status, stderr } = spawnSync(command, args, { cwd, encoding: "utf8", timeout: TIMEOUT_MS });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(stderr.trim().split("\n").at(-1) ?? `${command} ended with ${status}`);
}

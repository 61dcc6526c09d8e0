import { execFile } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const run = promisify(execFile);

/** The packages as a registry would hold them, in a folder of tarballs. */
export interface Tarballs extends Disposable {
  /** The tarball of `@x/<name>`. */
  of(name: string): string;
  readonly names: readonly string[];
}

/** Packs every package as it was built. Nothing of it refers back to this repository. */
export async function packAll(): Promise<Tarballs> {
  const folder = mkdtempSync(join(tmpdir(), "nats-pipeline-tarballs-"));
  const names = readdirSync(join(root, "packages"));
  const environment = { ...process.env, PATH: `${join(root, ".tools/bin")}:${process.env.PATH}` };
  for (const name of names) {
    await run("pnpm", ["pack", "--pack-destination", folder], { cwd: join(root, "packages", name), env: environment });
  }
  return {
    of: (name) => join(folder, `x-${name}-0.0.0.tgz`),
    names,
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** A project of a stranger: a folder outside this repository with packages installed by npm. */
export interface OutsideProject extends Disposable {
  readonly path: string;
  write(name: string, text: string): void;
  /** Copies files of this repository, by their paths from its root, into the project's own folder. */
  copy(...paths: string[]): void;
  /** Runs Node in the project. Never rejects for an exit code. */
  node(args: readonly string[], env?: Readonly<Record<string, string>>): Promise<ProcessResult>;
}

export interface ProcessResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Installs packages of ours from their tarballs, and others by name and version from the registry that npm is
 * configured for. The overrides say where our packages find each other until a registry has them.
 */
export async function createProject(
  tarballs: Tarballs,
  names: readonly string[],
  others: Readonly<Record<string, string>> = {},
): Promise<OutsideProject> {
  const path = mkdtempSync(join(tmpdir(), "nats-pipeline-outside-"));
  const write = (name: string, text: string): void => writeFileSync(join(path, name), text);
  const ours = Object.fromEntries(names.map((name) => [`@x/${name}`, `file:${tarballs.of(name)}`]));
  const manifest = { name: "outside", private: true, type: "module", dependencies: { ...ours, ...others } };
  write("package.json", JSON.stringify({ ...manifest, overrides: ours }));
  await run("npm", ["install", "--prefer-offline", "--no-audit", "--no-fund", "--ignore-scripts"], { cwd: path });
  return {
    path,
    write,
    copy(...paths) {
      for (const one of paths) {
        cpSync(join(root, one), join(path, one.slice(one.lastIndexOf("/") + 1)));
      }
    },
    async node(args, env = {}) {
      try {
        return { exitCode: 0, ...(await run(process.execPath, args, { cwd: path, env: { ...process.env, ...env } })) };
      } catch (error) {
        const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
        return { exitCode: code, stdout, stderr };
      }
    },
    [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }),
  };
}

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A file system that is soon full, and can be made larger. */
export interface SmallDisk extends Disposable {
  readonly path: string;
  enlarge(mebibytes: number): void;
}

/** A tmpfs; takes Linux and root. */
export function mountSmallDisk(mebibytes: number): SmallDisk {
  const path = mkdtempSync(join(tmpdir(), "nats-small-disk-"));
  execFileSync("mount", ["-t", "tmpfs", "-o", `size=${mebibytes}m`, "tmpfs", path]);
  return {
    path,
    enlarge(size) {
      execFileSync("mount", ["-o", `remount,size=${size}m`, path]);
    },
    [Symbol.dispose]() {
      execFileSync("umount", ["--lazy", path]);
      rmSync(path, { recursive: true, force: true });
    },
  };
}

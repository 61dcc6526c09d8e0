import { randomBytes } from "node:crypto";
import { link, open, rename, unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

/** Ending of files that are not finished yet; whoever finds an old one may remove it. */
export const unfinished = ".tmp";

/**
 * Replaces or creates a file so that after a crash it holds either the old content or all of the new: temporary file,
 * fsync, rename, fsync of the folder. Durable when it resolves.
 */
export async function replaceFile(path: string, content: string): Promise<void> {
  const temporary = await writeTemporary(path, content);
  try {
    await rename(temporary, path);
  } catch (error) {
    await unlink(temporary).catch(ignore);
    throw error;
  }
  await syncFolder(dirname(path));
}

/**
 * Creates a file with its content in one step: nobody ever sees it half written, and of several processes exactly one
 * succeeds. False when the file exists already. Durable when it resolves with true.
 */
export async function createFile(path: string, content: string): Promise<boolean> {
  const temporary = await writeTemporary(path, content);
  try {
    await link(temporary, path);
  } catch (error) {
    if (errnoOf(error) === "EEXIST") return false;
    throw error;
  } finally {
    await unlink(temporary).catch(ignore);
  }
  await syncFolder(dirname(path));
  return true;
}

/** The code of a file system error: `ENOENT`, `EACCES`, … */
export function errnoOf(error: unknown): string | undefined {
  const code: unknown = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" ? code : undefined;
}

async function writeTemporary(path: string, content: string): Promise<string> {
  const temporary = join(dirname(path), `${basename(path)}.${randomBytes(6).toString("hex")}${unfinished}`);
  const file = await open(temporary, "wx");
  try {
    await file.writeFile(content);
    await file.sync();
  } catch (error) {
    await file.close().catch(ignore);
    await unlink(temporary).catch(ignore);
    throw error;
  }
  await file.close();
  return temporary;
}

/** Makes the names in a folder durable. Windows cannot open folders and needs no such step. */
export async function syncFolder(path: string): Promise<void> {
  if (process.platform === "win32") return;
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function ignore(): void {}

import { ConnectorError, isConnectorError } from "../errors.js";
import { errnoOf } from "./durable-file.js";

const remedies: Readonly<Record<string, string>> = {
  EACCES: "this user may not; change the permissions of the folder or choose another one",
  EPERM: "the system does not permit it; choose a folder on a local disk of this machine",
  EROFS: "the file system is read-only; choose another folder",
  ENOTSUP: "the file system has no hard links; choose a folder on a local disk",
  ENOTDIR: "a file stands where a folder should be; remove it or choose another folder",
  EEXIST: "a file stands where a folder should be; remove it or choose another folder",
  EISDIR: "a folder stands where a file should be; remove it",
};

const passing: Readonly<Record<string, string>> = {
  ENOSPC: "the disk is full; make room, the checkpoints before stay usable",
  EDQUOT: "the quota is used up; make room, the checkpoints before stay usable",
  EMFILE: "too many files are open; raise the limit",
  ENFILE: "too many files are open; raise the limit",
};

/** A file system error as STATE_STORE: the path, what was tried and what to do. A coded error comes back as it is. */
export function stateStoreError(error: unknown, doing: string, path: string): ConnectorError {
  if (isConnectorError(error)) return error;
  const errno = errnoOf(error) ?? "";
  const lasting = Object.hasOwn(remedies, errno) ? remedies[errno] : undefined;
  const remedy = lasting ?? (Object.hasOwn(passing, errno) ? passing[errno] : undefined);
  const reason =
    remedy === undefined ? (error instanceof Error ? error.message : String(error)) : `${errno}, ${remedy}`;
  return new ConnectorError("STATE_STORE", `cannot ${doing} ${path}: ${reason}`, {
    cause: error,
    context: { path, errno },
    retry: lasting === undefined ? "backoff" : "never",
  });
}

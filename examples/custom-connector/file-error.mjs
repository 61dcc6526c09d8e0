import { ConnectorError, isConnectorError } from "@x/connector-api";

/** @type {Readonly<Record<string, import("@x/connector-api").ErrorCode>>} */
const codes = {
  ENOENT: "STREAM_NOT_FOUND",
  ENOTDIR: "STREAM_NOT_FOUND",
  EACCES: "PERMISSION_DENIED",
  EROFS: "PERMISSION_DENIED",
  ENOSPC: "CAPACITY",
};

/**
 * Errors of others become coded ones in one table: the code decides about retrying and about the exit code.
 * @param {unknown} error
 * @param {string} doing
 */
export function toFileError(error, doing) {
  if (isConnectorError(error)) return error;
  const errno = String(Object(error).code);
  const code = codes[errno] ?? "UNEXPECTED";
  return new ConnectorError(code, `cannot ${doing}: ${errno}`, { cause: error, context: { errno } });
}

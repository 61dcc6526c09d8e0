import { readFile, stat } from "node:fs/promises";
import { ConnectorError } from "@x/connector-api";

const largestFile = 8 * 1024 * 1024;

/** The bytes of a schema file that an option names. OPTION_INVALID naming the option, the path and what is wrong. */
export async function readSchemaFile(path: string, option: string): Promise<Uint8Array> {
  const fail = (reason: string): ConnectorError =>
    new ConnectorError("OPTION_INVALID", `option "${option}": cannot read "${path}": ${reason}`, {
      context: { option, path },
    });
  try {
    const { size } = await stat(path);
    if (size > largestFile) throw fail(`it is larger than ${largestFile} bytes`);
    return await readFile(path);
  } catch (error) {
    const code = (error as { code?: unknown }).code;
    if (code === "OPTION_INVALID") throw error;
    throw fail(code === "ENOENT" ? "no such file" : String(code ?? "it cannot be read"));
  }
}

/** The text of a schema: the one given, or that of the file; undefined when there is neither. */
export async function openSchemaText(
  inline: string | undefined,
  file: string | undefined,
  option: string,
): Promise<string | undefined> {
  if (inline !== undefined || file === undefined) return inline;
  return Buffer.from(await readSchemaFile(file, option)).toString("utf8");
}

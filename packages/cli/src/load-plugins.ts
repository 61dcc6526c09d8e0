import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { Environment } from "@x/connector-api";
import { combinePlugins, type Extensions, parsePlugin, pluginError } from "./plugin.js";

/**
 * Imports the modules of `--plugin`, in order; a path is relative to the working folder. USAGE for a file that is not
 * there, a module that throws, a wrong shape and a name that is taken.
 */
export async function loadPlugins(files: readonly string[], environment: Environment): Promise<Extensions> {
  const plugins = await Promise.all(
    files.map(async (file) => ({ file, plugin: parsePlugin(await importPlugin(file), file) })),
  );
  return combinePlugins(plugins, environment);
}

async function importPlugin(file: string): Promise<Readonly<Record<string, unknown>>> {
  const path = resolve(file);
  if (!existsSync(path)) throw pluginError(file, "no such file");
  try {
    return await import(pathToFileURL(path).href);
  } catch (cause) {
    throw pluginError(file, `cannot be loaded: ${cause instanceof Error ? cause.message : cause}`, cause);
  }
}

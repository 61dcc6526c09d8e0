// For users: the command as a function, and its way of printing errors.

export { main } from "./main.js";
export type { Output } from "./output.js";
export type { Plugin, PluginHost } from "./plugin.js";
export type { RenderedError, SqlFile } from "./render/error.js";
export { renderError } from "./render/error.js";

import { describeWanted } from "./server-version.mjs";

const GO_INSTALL = "go install github.com/nats-io/nats-server/v2@latest";

/** @type {Partial<Record<NodeJS.Platform, string[]>>} */
const INSTALL = {
  darwin: ["brew install nats-server"],
  linux: ["sudo apt-get install nats-server", GO_INSTALL],
  win32: ["scoop install nats-server", GO_INSTALL],
};

/**
 * The message when every step failed: what was tried, why each failed, and what to do on this platform.
 * @param {import("./obtain-nats-server.mjs").Request} request
 * @param {readonly { name: string, reason: string }[]} tried
 */
export function describeFailure({ platform, arch, wanted }, tried) {
  return [
    `no nats-server ${describeWanted(wanted)} could be obtained for ${platform}-${arch}. Tried:`,
    ...tried.map(({ name, reason }) => `  - ${name}: ${reason}`),
    "Install one and run again:",
    ...(INSTALL[platform] ?? [GO_INSTALL]).map((command) => `  ${command}`),
    "or set NATS_SERVER_BIN to the path of a nats-server binary.",
  ].join("\n");
}

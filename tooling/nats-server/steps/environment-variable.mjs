import { describeWanted, isWanted, readServerVersion } from "../server-version.mjs";

/**
 * `NATS_SERVER_BIN`. A value that does not run is an error at once: somebody chose it, so nothing else may replace it.
 * Without a series any version is taken; with one, a binary of another series is passed over.
 * @type {import("../obtain-nats-server.mjs").Step}
 */
export const environmentVariable = {
  name: "NATS_SERVER_BIN",
  async run({ env, wanted }) {
    const path = env.NATS_SERVER_BIN;
    if (!path) return { reason: "not set" };
    const version = await readServerVersion(path, env).catch((error) => {
      throw new Error(
        `NATS_SERVER_BIN is ${path}, which is no working nats-server: ${error.message}. Point it at a nats-server binary, or unset it.`,
      );
    });
    if ("series" in wanted && !isWanted(version, wanted))
      return { reason: `${path} is ${version}, not ${describeWanted(wanted)}` };
    return { path, version };
  },
};

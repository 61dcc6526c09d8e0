import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

/** @typedef {{ base?: string, copies: Readonly<Record<string, string>>, dockerfile: readonly string[] }} Contents */

/**
 * Builds an image out of files of this machine, with the libraries they are linked to: for where no image can be pulled.
 * @param {string} tag
 * @param {Contents} contents `copies` maps paths in the image to files of this machine
 * @param {NodeJS.ProcessEnv} env names the engine
 */
function buildFromFiles(tag, { base = "scratch", copies, dockerfile }, env) {
  const folder = mkdtempSync(join(tmpdir(), "local-image-"));
  try {
    const root = join(folder, "root");
    const put = (/** @type {string} */ source, /** @type {string} */ target) => {
      mkdirSync(dirname(join(root, target)), { recursive: true });
      cpSync(realpathSync(source), join(root, target), { recursive: true, dereference: true });
    };
    for (const [target, source] of Object.entries(copies)) {
      put(source, target);
      for (const library of librariesOf(source)) if (!existsSync(join(root, library))) put(library, library);
    }
    writeFileSync(join(folder, "Dockerfile"), [`FROM ${base}`, "COPY root /", ...dockerfile, ""].join("\n"));
    execFileSync("docker", ["build", "--quiet", "--tag", tag, folder], { env, stdio: ["ignore", "ignore", "pipe"] });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * @param {string} file
 * @returns {string[]} none for what is not a program, or is linked to nothing
 */
function librariesOf(file) {
  try {
    const listed = execFileSync("ldd", [realpathSync(file)], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
    return listed.match(/\/\S+(?= \()/g) ?? [];
  } catch {
    return [];
  }
}

/**
 * A nats-server from its binary.
 * @param {string} tag
 * @param {string} binary
 * @param {NodeJS.ProcessEnv} env
 */
export function buildServerImage(tag, binary, env) {
  const copies = { "/nats-server": binary };
  buildFromFiles(tag, { copies, dockerfile: ['ENTRYPOINT ["/nats-server"]'] }, env);
}

/** What scripts of npm packages call. */
const TOOLS = ["sh", "env", "sed", "dirname", "basename", "uname", "cat", "ls", "mkdir", "rm", "cp"];

/**
 * Node, npm and a shell, as in the official images: the one that runs this.
 * @param {string} tag
 * @param {NodeJS.ProcessEnv} env
 */
export function buildNodeImage(tag, env) {
  const which = (/** @type {string} */ name) =>
    execFileSync("/bin/sh", ["-c", `command -v ${name}`], { encoding: "utf8" }).trim();
  const npm = dirname(dirname(realpathSync(which("npm"))));
  const copies = {
    "/usr/local/bin/node": process.execPath,
    "/usr/local/lib/node_modules/npm": npm,
    "/etc/ssl/certs/ca-certificates.crt": "/etc/ssl/certs/ca-certificates.crt",
    ...Object.fromEntries(TOOLS.map((name) => [name === "env" ? "/usr/bin/env" : `/bin/${name}`, which(name)])),
  };
  // DuckDB is linked to it, Node is not everywhere.
  const dockerfile = [
    "ENV PATH=/usr/local/bin:/usr/bin:/bin NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt",
    `RUN node -e 'const fs = require("fs"); fs.mkdirSync("/tmp", { recursive: true, mode: 0o1777 }); fs.symlinkSync("../lib/node_modules/npm/bin/npm-cli.js", "/usr/local/bin/npm")'`,
  ];
  buildFromFiles(tag, { copies, dockerfile }, env);
}

/**
 * What docker/compose.yaml pulls, in one image: a server, the `wget` of its health check and the command `nats`.
 * @param {string} tag
 * @param {{ base: string, server: string, nats: string, wget: string }} parts an image of nats-pipeline, and programs
 * @param {NodeJS.ProcessEnv} env
 */
export function buildComposeImage(tag, { base, server, nats, wget }, env) {
  const copies = { "/nats-server": server, "/usr/local/bin/nats": nats, "/usr/local/bin/wget": wget };
  const dockerfile = ["USER 0", "HEALTHCHECK NONE", 'ENTRYPOINT ["/nats-server"]'];
  buildFromFiles(tag, { base, copies, dockerfile }, env);
}

/**
 * Prometheus as its official image runs it.
 * @param {string} tag
 * @param {string} program
 * @param {NodeJS.ProcessEnv} env
 */
export function buildPrometheusImage(tag, program, env) {
  const flags = ["--config.file=/etc/prometheus/prometheus.yml", "--storage.tsdb.path=/prometheus"];
  const dockerfile = ['ENTRYPOINT ["/bin/prometheus"]', `CMD ${JSON.stringify(flags)}`];
  buildFromFiles(tag, { copies: { "/bin/prometheus": program }, dockerfile }, env);
}

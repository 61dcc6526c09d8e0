import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type ObtainOptions, obtainNatsServer } from "../obtain-nats-server.mjs";

const NOBODY_LISTENS = "http://127.0.0.1:2";

let root: string;
let lines: string[];
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "obtain-nats-server-"));
  lines = [];
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

/** A shell script that answers like a server of that version. */
function placeServer(version: string, ...folders: string[]): string {
  return placeScript("nats-server", `echo "nats-server: v${version}"`, ...folders);
}

function placeScript(name: string, body: string, ...folders: string[]): string {
  const folder = join(root, ...folders);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, name), `#!/bin/sh\n${body}\n`);
  chmodSync(join(folder, name), 0o755);
  return join(folder, name);
}

function placeCached(version: string): string {
  return placeServer(version, "cache", "x-nats-connector", "nats-server", version);
}

/** Obtains on a machine that has only what the test placed. */
function obtain(env: NodeJS.ProcessEnv = {}, options: ObtainOptions = {}) {
  return obtainNatsServer({
    env: { PATH: join(root, "bin"), XDG_CACHE_HOME: join(root, "cache"), ...env },
    releaseBaseUrl: NOBODY_LISTENS,
    platform: "linux",
    arch: "x64",
    log: (line) => lines.push(line),
    ...options,
  });
}

describe("the order", () => {
  it("takes NATS_SERVER_BIN whatever its version, and says so in one line", async () => {
    const chosen = placeServer("2.9.1", "chosen");
    placeServer("2.15.0", "bin");
    expect(await obtain({ NATS_SERVER_BIN: chosen })).toEqual({
      path: chosen,
      version: "2.9.1",
      step: "NATS_SERVER_BIN",
    });
    expect(lines).toEqual([`nats-server 2.9.1 (NATS_SERVER_BIN): ${chosen}`]);
  });

  it("takes PATH before the cache when it is new enough, also behind an older one", async () => {
    placeServer("2.10.5", "old");
    const fresh = placeServer("2.12.0", "bin");
    placeCached("2.15.1");
    const PATH = `${join(root, "old")}:${join(root, "bin")}`;
    expect(await obtain({ PATH })).toMatchObject({ path: fresh, step: "PATH" });
  });

  it("passes an old server on PATH over for the newest in the cache that runs", async () => {
    placeServer("2.11.9", "bin");
    placeCached("2.9.10");
    const newest = placeCached("2.14.0");
    const broken = placeCached("2.16.0");
    writeFileSync(broken, "#!/bin/sh\nexit 1\n");
    expect(await obtain()).toMatchObject({ path: newest, version: "2.14.0", step: "cache" });
  });

  it("takes 2.10 on PATH when nothing else gives a server", async () => {
    const old = placeServer("2.10.5", "bin");
    expect(await obtain()).toMatchObject({ path: old, step: "PATH, 2.10 or newer" });
  });

  it("gives exactly the series that was asked for", async () => {
    placeServer("2.15.1", "bin");
    const cached = placeCached("2.10.27");
    const NATS_SERVER_BIN = placeServer("2.12.0", "chosen");
    expect(await obtain({ NATS_SERVER_BIN }, { series: "2.10" })).toMatchObject({ path: cached, version: "2.10.27" });
    expect(await obtain({}, { series: "2.15" })).toMatchObject({ step: "PATH" });
    await expect(obtain({}, { series: "2.1" })).rejects.toThrow(/no nats-server 2\.1\.x could be obtained/);
  });
});

describe("the official release", () => {
  const archiveName = "nats-server-v2.15.1-linux-amd64.tar.gz";
  let files: Map<string, Buffer>;
  const http = createServer((request, response) => {
    const body = files.get(request.url ?? "");
    response.writeHead(body ? 200 : 404).end(body);
  });
  let releaseBaseUrl: string;

  beforeEach(async () => {
    await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
    releaseBaseUrl = `http://127.0.0.1:${(http.address() as AddressInfo).port}/releases`;
    mkdirSync(join(root, "bin"));
    symlinkSync(
      execFileSync("/bin/sh", ["-c", "command -v tar"], { encoding: "utf8" }).trim(),
      join(root, "bin", "tar"),
    );
    symlinkSync(
      execFileSync("/bin/sh", ["-c", "command -v gzip"], { encoding: "utf8" }).trim(),
      join(root, "bin", "gzip"),
    );
    placeServer("2.15.1", "archive", "nats-server-v2.15.1-linux-amd64");
    execFileSync("tar", ["-czf", join(root, archiveName), "-C", join(root, "archive"), "."]);
    const archive = readFileSync(join(root, archiveName));
    const sum = createHash("sha256").update(archive).digest("hex");
    files = new Map([
      [`/releases/v2.15.1/${archiveName}`, archive],
      ["/releases/v2.15.1/SHA256SUMS", Buffer.from(`${"0".repeat(64)}  other.zip\n${sum}  ${archiveName}\n`)],
    ]);
  });
  afterEach(() => new Promise((resolve) => http.close(resolve)));

  it("is unpacked into the cache when its checksum is right, and found there the next time", async () => {
    const path = join(root, "cache", "x-nats-connector", "nats-server", "2.15.1", "nats-server");
    expect(await obtain({}, { releaseBaseUrl })).toEqual({ path, version: "2.15.1", step: "official release" });
    expect(readdirSync(join(root, "cache", "x-nats-connector", "nats-server"))).toEqual(["2.15.1"]);
    expect(await obtain()).toMatchObject({ path, step: "cache" });
  });

  it("may be asked for by several at once", async () => {
    const servers = await Promise.all([1, 2, 3].map(() => obtain({}, { releaseBaseUrl })));
    expect(new Set(servers.map(({ path }) => path)).size).toBe(1);
  });

  it("is refused when its checksum is wrong", async () => {
    files.set(`/releases/v2.15.1/${archiveName}`, Buffer.from("something else"));
    await expect(obtain({}, { releaseBaseUrl })).rejects.toThrow(/official release: .* has the checksum .* refused/);
    expect(existsSync(join(root, "cache", "x-nats-connector"))).toBe(false);
  });

  it("says when the release has nothing for this machine", async () => {
    await expect(obtain({}, { releaseBaseUrl, arch: "s390x" })).rejects.toThrow(
      /has no nats-server-v2\.15\.1-linux-s390x\.tar\.gz or \.zip/,
    );
    await expect(obtain({}, { releaseBaseUrl, platform: "aix" })).rejects.toThrow(/no releases for aix-x64/);
  });
});

describe("the Docker image", () => {
  it("gives its binary from a container that never runs", async () => {
    const server = placeServer("2.15.1", "image");
    const calls = join(root, "calls");
    placeScript(
      "docker",
      `echo "$*" >> ${calls}\ncase $1 in\n create) echo pulling; echo c0ffee;;\n cp) while IFS= read -r line; do echo "$line"; done < ${server} > "$3";;\nesac`,
      "bin",
    );
    expect(await obtain()).toMatchObject({ version: "2.15.1", step: "Docker image" });
    expect(readFileSync(calls, "utf8")).toMatch(
      /^version .*\ncreate nats:2\.15\.1\ncp c0ffee:\/nats-server .*\nrm -v c0ffee\n$/,
    );
  });

  it("is not tried where no engine answers", async () => {
    placeScript("docker", "echo no engine >&2; exit 1", "bin");
    await expect(obtain()).rejects.toThrow(/Docker image: docker version failed \(exit 1\): no engine/);
  });
});

describe("nothing works", () => {
  it("lists what was tried and how to install one", async () => {
    placeServer("2.9.9", "bin");
    const error = await obtain().catch((error: Error) => error);
    expect(String(error)).toMatch(
      new RegExp(
        [
          "no nats-server 2\\.12\\.0 or newer could be obtained for linux-x64\\. Tried:",
          "  - NATS_SERVER_BIN: not set",
          "  - PATH: .*nats-server is 2\\.9\\.9, not 2\\.12\\.0 or newer",
          "  - cache: no 2\\.12\\.0 or newer in .*",
          "  - Debian package: dpkg is not on this machine",
          "  - official release: http.*: ECONNREFUSED",
          "  - Docker image: docker is not on this machine",
          "  - PATH, 2\\.10 or newer: .*not 2\\.10\\.0 or newer",
          "Install one and run again:",
          "  sudo apt-get install nats-server",
          "  go install .*",
          "or set NATS_SERVER_BIN to the path of a nats-server binary\\.$",
        ].join("\\n"),
      ),
    );
    expect(lines).toEqual([]);
  });

  it("knows the other platforms", async () => {
    await expect(obtain({}, { platform: "darwin" })).rejects.toThrow(
      /Debian package: not on darwin[\s\S]+brew install nats-server/,
    );
    await expect(obtain({}, { platform: "win32" })).rejects.toThrow(/scoop install nats-server/);
    await expect(obtain({}, { platform: "sunos" })).rejects.toThrow(/no releases for sunos-x64[\s\S]+go install/);
  });

  it("does not replace a NATS_SERVER_BIN that points nowhere, or at something else", async () => {
    placeServer("2.15.1", "bin");
    await expect(obtain({ NATS_SERVER_BIN: "/nowhere" })).rejects.toThrow(
      /NATS_SERVER_BIN is \/nowhere, .*not on this machine.*unset it/,
    );
    const other = placeScript("other", "echo hello", "bin");
    await expect(obtain({ NATS_SERVER_BIN: other })).rejects.toThrow(
      /printed "hello", expected "nats-server: v2\.x\.y"/,
    );
  });
});

it("obtains a real server on this machine", { timeout: 240_000 }, async () => {
  const server = await obtainNatsServer({ log: (line) => lines.push(line) });
  expect(execFileSync(server.path, ["--version"], { encoding: "utf8" })).toContain(server.version);
  expect(lines).toHaveLength(1);
});

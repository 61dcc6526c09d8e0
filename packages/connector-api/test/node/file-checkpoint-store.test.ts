import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, readFile, rm, truncate, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Checkpoint, Identity } from "../../src/index.js";
import { fileCheckpoints } from "../../src/node/index.js";
import { stateStoreError } from "../../src/node/state-store-error.js";
import { describeCheckpointStore } from "../../src/testing/index.js";

const run = promisify(execFile);
const child = fileURLToPath(new URL("store-child.mjs", import.meta.url));
let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "file-checkpoints-"));
});
afterAll(() => rm(root, { recursive: true, force: true }));

describeCheckpointStore("file", () => fileCheckpoints(join(root, "suite")), { durable: true });

describe("the file store, broken on purpose", () => {
  let dir: string;
  let folder: string;
  let warnings: string[];
  let identity: Identity;
  const warn = (message: string): void => void warnings.push(message);
  const store = (): ReturnType<typeof fileCheckpoints> => fileCheckpoints(dir);
  const at = (checkpointId: number, epoch = identity.epoch): Checkpoint => {
    return { v: 1, ...identity, epoch, checkpointId, createdAt: "2026-01-01T00:00:00.000Z", splits: {} };
  };

  beforeEach(async () => {
    dir = await mkdtemp(join(root, "broken-"));
    folder = join(dir, "orders");
    warnings = [];
    identity = await store().claim("orders", "one");
    for (const id of [1, 2, 3]) await store().write(at(id));
  });

  it("keeps three checkpoints, the claim and the job, and nothing else", async () => {
    for (const id of [4, 5]) await store().write(at(id));
    expect((await readdir(folder)).sort()).toEqual(["1-3.json", "1-4.json", "1-5.json", "epoch-1", "job.json"]);
  });

  it.each([
    ["empty", (path: string) => truncate(path, 0), "the file is empty"],
    ["cut off", (path: string) => truncate(path, 100), "the file has no checksum at its end"],
    [
      "changed",
      async (path: string) =>
        writeFile(path, (await readFile(path, "utf8")).replace('"checkpointId":3', '"checkpointId":4')),
      "the checksum does not match",
    ],
    ["of random bytes", (path: string) => writeFile(path, Buffer.from([0xff, 0x00, 0x7b])), "the file has no checksum"],
  ])("passes over a file that is %s, and says so", async (_, damage, reason) => {
    await damage(join(folder, "1-3.json"));
    expect(await store().latest("orders", warn)).toMatchObject({ checkpointId: 2 });
    expect(warnings).toEqual([
      expect.stringContaining(`${join(folder, "1-3.json")} is damaged and passed over: ${reason}`),
    ]);
    expect(await store().list("orders")).toEqual([
      { epoch: 1, checkpointId: 1 },
      { epoch: 1, checkpointId: 2 },
    ]);
    await expect(store().read("orders", { epoch: 1, checkpointId: 3 })).rejects.toMatchObject({
      code: "STATE_INVALID",
      message: expect.stringContaining(`1-3.json is damaged: ${reason}`),
    });
  });

  it("names its pipelines although other things lie in the folder", async () => {
    await writeFile(join(dir, "notes.txt"), "mine");
    await mkdir(join(dir, "empty"));
    await mkdir(join(dir, "broken"));
    await writeFile(join(dir, "broken", "job.json"), "{");
    expect(await store().pipelines()).toEqual(["orders"]);
    expect(await fileCheckpoints(join(dir, "none")).pipelines()).toEqual([]);
  });

  it("goes on after a file was deleted or left half written", async () => {
    await rm(join(folder, "1-3.json"));
    await writeFile(join(folder, "1-4.json.0badcafe0bad.tmp"), '{"v":1,"pipe');
    expect(await store().latest("orders", warn)).toMatchObject({ checkpointId: 2 });
    expect(warnings).toEqual([]);
    identity = await store().claim("orders", "two");
    await store().write(at(0));
    expect(await readdir(folder)).not.toContain("1-4.json.0badcafe0bad.tmp");
  });

  it("removes what a crash left of a claim or a job, and nothing that may be under way", async () => {
    const old = ["epoch-2.0badcafe0bad.tmp", "job.json.0badcafe0bad.tmp", "1-9.json.0badcafe0bad.tmp"];
    const fresh = ["epoch-2.00c0ffee0000.tmp", "job.json.00c0ffee0000.tmp"];
    for (const name of [...old, ...fresh]) await writeFile(join(folder, name), "{");
    const twoHoursAgo = new Date(Date.now() - 7_200_000);
    for (const name of old) await utimes(join(folder, name), twoHoursAgo, twoHoursAgo);
    await store().claim("orders", "two");
    expect((await readdir(folder)).filter((name) => name.endsWith(".tmp")).sort()).toEqual(fresh);
  });

  it("stops when all checkpoints are damaged: starting over is for people to decide", async () => {
    for (const id of [1, 2, 3]) await truncate(join(folder, `1-${id}.json`), 10);
    await expect(store().latest("orders", warn)).rejects.toMatchObject({
      code: "STATE_INVALID",
      message: expect.stringContaining(`all 3 checkpoints in ${folder} are damaged`),
    });
    expect(warnings).toHaveLength(3);
  });

  it("refuses to go back behind a checkpoint of a later version", async () => {
    const { createHash } = await import("node:crypto");
    const text = JSON.stringify({ ...at(4), v: 2 });
    const sha256 = createHash("sha256").update(text).digest("hex");
    await writeFile(join(folder, "1-4.json"), `${text.slice(0, -1)},"sha256":"${sha256}"}\n`);
    await expect(store().latest("orders", warn)).rejects.toMatchObject({
      code: "STATE_INVALID",
      message: expect.stringContaining("1-4.json: the checkpoint has version 2"),
    });
  });

  it("takes the job's name from the newest checkpoint when job.json is gone, and stops when it is damaged", async () => {
    await writeFile(join(folder, "job.json"), "{");
    await expect(store().claim("orders", "two")).rejects.toMatchObject({
      code: "STATE_INVALID",
      message: expect.stringContaining("job.json is damaged"),
    });
    await rm(join(folder, "job.json"));
    expect((await store().claim("orders", "two")).jobId).toBe(identity.jobId);
  });

  it("stops when the folder is another pipeline's, as on file systems that ignore case", async () => {
    const path = join(folder, "job.json");
    await writeFile(path, (await readFile(path, "utf8")).replace('"orders"', '"Orders"'));
    await expect(store().claim("orders", "two")).rejects.toThrow(
      'belongs to another pipeline ("Orders", not "orders")',
    );
  });

  it("never gives a claimed number again, not even after its file was removed", async () => {
    const [two, three] = [await store().claim("orders", "two"), await store().claim("orders", "three")];
    await store().write(at(0, three.epoch));
    await rm(join(folder, `epoch-${two.epoch}`));
    await rm(join(folder, `epoch-${three.epoch}`));
    expect((await store().claim("orders", "four")).epoch).toBe(4);
  });

  it("keeps few claims, however many were made", async () => {
    for (let i = 0; i < 50; i++) await store().claim("orders", "again");
    const claims = (await readdir(folder)).filter((name) => name.startsWith("epoch-"));
    expect(claims.length).toBeLessThanOrEqual(33);
    expect(claims).toContain("epoch-51");
  });

  it("says what to do when a file stands where a folder should be", async () => {
    const blocked = join(dir, "blocked");
    await writeFile(blocked, "");
    await expect(fileCheckpoints(blocked).claim("p", "one")).rejects.toMatchObject({
      code: "STATE_STORE",
      retry: "never",
      message: `cannot create the folder ${join(blocked, "p")}: ENOTDIR, a file stands where a folder should be; remove it or choose another folder`,
    });
    await expect(fileCheckpoints(blocked).latest("p", warn)).rejects.toMatchObject({ code: "STATE_STORE" });
  });

  it("leaves the earlier checkpoints usable when a write fails", async () => {
    await mkdir(join(folder, "1-4.json"));
    await expect(store().write(at(4))).rejects.toMatchObject({ code: "STATE_STORE" });
    await rm(join(folder, "1-4.json"), { recursive: true });
    expect(await store().latest("orders", warn)).toMatchObject({ checkpointId: 3 });
    expect(await readdir(folder)).toHaveLength(5);
  });

  it("notices that its folder vanished", async () => {
    await rm(folder, { recursive: true });
    await expect(store().holder("orders")).rejects.toThrow("holds no claim: was it removed while the pipeline ran?");
    await expect(store().write(at(4))).rejects.toMatchObject({ code: "STATE_STORE" });
  });

  it.skipIf(process.platform === "win32")("fails cleanly when the system takes no more bytes", async () => {
    const shell = `ulimit -f 8; exec "$0" "$@"`;
    const { stdout } = await run("sh", ["-c", shell, process.execPath, child, "write", dir, "orders"]);
    expect(JSON.parse(stdout)).toMatchObject({ code: "STATE_STORE", message: expect.stringContaining("EFBIG") });
    expect(await store().latest("orders", warn)).toMatchObject({ checkpointId: 3 });
    expect(await readdir(folder)).toHaveLength(5);
  });

  it("gives no number twice to processes that race", async () => {
    const claims = await Promise.all(
      [1, 2, 3].map(async () => JSON.parse((await run(process.execPath, [child, "claim", dir, "raced", "12"])).stdout)),
    );
    const all: Identity[] = claims.flat();
    expect(all).toHaveLength(36);
    expect(new Set(all.map((claim) => claim.epoch)).size).toBe(36);
    expect(new Set(all.map((claim) => claim.jobId)).size).toBe(1);
  });

  it("finds a checkpoint, and none older than before, while an older instance replaces them all the time", async () => {
    const writer = spawn(process.execPath, [child, "flood", dir, "busy"], { stdio: ["ignore", "pipe", "inherit"] });
    await once(writer.stdout, "data");
    writer.stdout.resume();
    try {
      let last = 0;
      for (let look = 0; look < 2000; look++) {
        const found = await store().latest("busy", warn);
        expect(found?.checkpointId).toBeGreaterThanOrEqual(last);
        last = found?.checkpointId ?? 0;
      }
    } finally {
      writer.kill("SIGKILL");
      await once(writer, "close");
    }
  });

  it("makes its folder anew where even the one of the process was removed", async () => {
    const cwd = await mkdtemp(join(root, "removed-"));
    const { stdout } = await run(process.execPath, [child, "removed", "state", "orders"], { cwd, timeout: 30_000 });
    expect(JSON.parse(stdout)).toMatchObject([{ pipeline: "orders", epoch: 1 }]);
    expect(await readdir(join(cwd, "state", "orders"))).toContain("epoch-1");
  });

  it("holds a whole checkpoint at any moment a process is killed", async () => {
    for (const delay of [0, 7, 23]) {
      const writer = spawn(process.execPath, [child, "flood", dir, "killed"], { stdio: ["ignore", "pipe", "inherit"] });
      const confirmed = await killAfterFirstLine(writer, delay);
      const found = await store().latest("killed", warn);
      expect(found?.checkpointId).toBeGreaterThanOrEqual(confirmed);
    }
    expect(warnings).toEqual([]);
  });
});

it.each([
  [
    "ENOSPC",
    "backoff",
    "cannot write /state/a: ENOSPC, the disk is full; make room, the checkpoints before stay usable",
  ],
  [
    "EACCES",
    "never",
    "cannot write /state/a: EACCES, this user may not; change the permissions of the folder or choose another one",
  ],
  ["EIO", "backoff", "cannot write /state/a: input/output error"],
])("turns %s into STATE_STORE", (code, retry, message) => {
  const cause = Object.assign(new Error("input/output error"), { code });
  expect(stateStoreError(cause, "write", "/state/a")).toMatchObject({ code: "STATE_STORE", retry, message, cause });
});

/** Kills the writer a moment after its first line; the number of the last checkpoint it said it wrote. */
function killAfterFirstLine(writer: ChildProcess, delayMs: number): Promise<number> {
  return new Promise((resolve, reject) => {
    let said = "";
    writer.stdout?.on("data", (chunk: Buffer) => {
      if (said === "") setTimeout(() => writer.kill("SIGKILL"), delayMs);
      said += chunk.toString();
    });
    writer.on("error", reject);
    writer.on("close", () => resolve(Number(said.trimEnd().split("\n").at(-1))));
  });
}

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startNatsServer } from "@x/nats-testkit";
import { afterEach, expect, it, vi } from "vitest";
import { observe } from "./sink/sink-fixture.ts";

const readmeFile = fileURLToPath(new URL("../README.md", import.meta.url));
const sqlExample = fileURLToPath(new URL("../../../examples/late-flights.sql", import.meta.url));
const example = fileURLToPath(new URL("../../../examples/read-and-write.ts", import.meta.url));

afterEach(() => {
  vi.unstubAllEnvs();
  vi.resetModules();
});

it("examples/read-and-write.ts copies the late flights, and a second run only the new ones", {
  timeout: 120_000,
}, async () => {
  await using server = await startNatsServer();
  await using observer = await observe(server.url);
  await observer.createStream({ name: "FLIGHTS", subjects: ["flights"] });
  await observer.createStream({ name: "LATE", subjects: ["late.>"] });
  const state = mkdtempSync(join(tmpdir(), "nats-connector-example-"));
  vi.stubEnv("NATS_URL", server.url);
  vi.stubEnv("STATE_DIR", state);
  const fly = async (delays: (number | null)[]): Promise<void> => {
    for (const delay of delays) observer.client.publish("flights", JSON.stringify({ delay, distance: 100, time: 1.5 }));
    await observer.client.flush();
    vi.resetModules();
    await import(example);
  };
  try {
    await fly([10, 61, null, 60, 200]);
    expect(await observer.stateOf("LATE")).toMatchObject({ messages: 2 });
    await fly([99]);
    expect(await observer.stateOf("LATE")).toMatchObject({ messages: 3 });
  } finally {
    rmSync(state, { recursive: true, force: true });
  }
});

it("the README shows the examples as they are", () => {
  const readme = readFileSync(readmeFile, "utf8");
  const code = (file: string): string => readFileSync(file, "utf8").replaceAll(/^(\/\/|--) .*\n/gm, "");
  expect(readme).toContain(code(example));
  expect(readme).toContain(code(sqlExample));
});

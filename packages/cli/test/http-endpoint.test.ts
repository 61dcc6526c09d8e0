import { createServer } from "node:net";
import { expect, test } from "vitest";
import { openHttpEndpoint, parseHttpAddress } from "../src/http-endpoint.js";

test.each([
  ["9090", { host: "127.0.0.1", port: 9090 }],
  [":9090", { host: "127.0.0.1", port: 9090 }],
  ["localhost:0", { host: "localhost", port: 0 }],
  ["0.0.0.0:9090", { host: "0.0.0.0", port: 9090 }],
  ["[::1]:9090", { host: "::1", port: 9090 }],
])("--http %s", (text, address) => {
  expect(parseHttpAddress(text)).toEqual(address);
});

test.each(["", "host", "host:", "host:99999", "::1:9090", "[nonsense]:1", "a b:1", "http://host:1"])(
  "--http %j is refused with what would do",
  (text) => {
    expect(() => parseHttpAddress(text)).toThrow(
      /--http: expected HOST:PORT, or a port to listen on 127\.0\.0\.1; got /,
    );
  },
);

test("listens on what it was told alone, answers what it knows and refuses the rest", async () => {
  const endpoint = await openHttpEndpoint({ host: "127.0.0.1", port: 0 });
  expect(endpoint.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  const status = async (path: string, method = "GET"): Promise<number> =>
    (await fetch(endpoint.url + path, { method })).status;
  expect(await status("/healthz")).toBe(200);
  expect(await status("/metrics?x=1")).toBe(200);
  expect(await status("/metrics", "HEAD")).toBe(200);
  expect(await status("/metrics", "POST")).toBe(405);
  expect(await status("/")).toBe(404);
  await endpoint.close();
  await expect(fetch(endpoint.url)).rejects.toThrow();
});

test("an address that is taken is a usage error", async () => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
  const { port } = other.address() as { port: number };
  await expect(openHttpEndpoint({ host: "127.0.0.1", port })).rejects.toMatchObject({
    code: "USAGE",
    message: `--http: cannot listen on 127.0.0.1:${port} (EADDRINUSE)`,
  });
  other.close();
});

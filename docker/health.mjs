// What the image's HEALTHCHECK runs: with `--http` it is the pipeline's own word, from /healthz where that flag has it
// listen, and `docker inspect` shows it; without, a running process is all there is to know, and Docker knows that itself.
import { readFileSync } from "node:fs";

const [commandLine = "/proc/1/cmdline"] = process.argv.slice(2);
const args = readFileSync(commandLine, "utf8").split("\0");
const at = args.indexOf("--http");
const address = at === -1 ? args.find((arg) => arg.startsWith("--http="))?.slice("--http=".length) : args[at + 1];
if (address === undefined) conclude(true, "no --http to ask");
else {
  const [, host = "", port] = /^(?:(.*):)?(\d+)$/.exec(address) ?? [];
  const local = { "": "127.0.0.1", "0.0.0.0": "127.0.0.1", "[::]": "[::1]" }[host] ?? host;
  try {
    const response = await fetch(`http://${local}:${port}/healthz`, { signal: AbortSignal.timeout(2_000) });
    conclude(response.ok, (await response.text()).trimEnd());
  } catch (error) {
    conclude(false, `--http ${address} does not answer: ${error.cause?.code ?? error.name}`);
  }
}

function conclude(healthy, text) {
  process.stdout.write(`${text}\n`);
  process.exitCode = healthy ? 0 : 1;
}

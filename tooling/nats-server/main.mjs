import { parseArgs } from "node:util";
import { obtainNatsServer } from "./obtain-nats-server.mjs";

/** `node tooling/nats-server/main.mjs [--series 2.10]`: the path of a nats-server on stdout, where it came from on stderr. */
try {
  const { values } = parseArgs({ options: { series: { type: "string" } } });
  const { path } = await obtainNatsServer(values);
  process.stdout.write(`${path}\n`);
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}

import { spawn } from "node:child_process";
import { type OpenEntrant, streams, type Timing } from "../contest/entrant.js";
import { encodeRows } from "../encoded.js";
import { payload } from "../flights.js";
import { buildNativeClient, type NativeClientName } from "./native-clients.js";

/**
 * A client outside Node, in a process of its own that says what it used: the same payloads in turn, the same header, as
 * many under way, every acknowledgement looked at. It only does not encode.
 */
export const nativeSink =
  (client: NativeClientName): OpenEntrant =>
  async ({ servers, count, payload: name, format }) => {
    const program = buildNativeClient(client);
    const input = framed(await encodeRows(format, payload(name)));
    const args = [servers, streams.output.subject, streams.output.name, String(count)];
    return {
      prepare: async () => () =>
        new Promise<Timing>((resolve, reject) => {
          const child = spawn(program, args, { stdio: ["pipe", "pipe", "inherit"] });
          let output = "";
          child.stdout.on("data", (chunk: Buffer) => {
            output += chunk.toString();
          });
          child.once("error", reject);
          child.once("close", (code) => {
            const [ms, cpuMs] = output.split(" ").map(Number);
            if (code !== 0 || ms === undefined || cpuMs === undefined) reject(new Error(`it ended with ${code}`));
            else resolve({ ms, cpuMs });
          });
          child.stdin.end(input);
        }),
      close: async () => {},
    };
  };

/** Each payload behind its length, as the programs read them. */
function framed(payloads: readonly Uint8Array[]): Buffer {
  return Buffer.concat(
    payloads.flatMap((one) => {
      const head = Buffer.alloc(4);
      head.writeUInt32LE(one.length);
      return [head, one];
    }),
  );
}

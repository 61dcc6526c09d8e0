import { report } from "./report.js";
import { decodeLane } from "./scenarios/decode.js";
import { encodeLane } from "./scenarios/encode.js";

/** Every lane by name: `node dist/main.js [lane…]` runs those, or all. Exit code 1 when a ratio misses its target. */
const lanes = { decode: decodeLane, encode: encodeLane };

const asked = process.argv.slice(2);
let missed = 0;
for (const [name, run] of Object.entries(lanes)) {
  if (asked.length === 0 || asked.includes(name)) missed += report(name, await run());
}
if (missed > 0) process.exitCode = 1;

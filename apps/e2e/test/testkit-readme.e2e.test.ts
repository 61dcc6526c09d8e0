import { once } from "node:events";
import { expect, test } from "vitest";
import { codeBlocksOf } from "../src/code-blocks.js";
import { runTypeScript } from "../src/run-typescript.js";

const blocks = codeBlocksOf("packages/nats-testkit/README.md", "ts");

/** What the block about leaders takes for granted. */
const stream = `import { connect } from "nats";
const client = await connect({ servers: cluster.urls });
await (await client.jetstreamManager()).streams.add({ name: "ORDERS", subjects: ["orders"], num_replicas: 3 });
await client.close();
`;

/** What a block says that it prints, by a word of that block. */
const printed = {
  planSchedule: "{ crash: 7, freeze: 3 }",
  createInvariantChecker: "false false\n5 expected, 6 seen, lost 1 (4), duplicated 2 (2 at 4, 3 at 5), reordered 0",
};

test.each(blocks)("block %# of the README runs as it stands and prints what it says", async (code) => {
  using script = runTypeScript(code.replace(/^(?=.*leaderOf)/m, stream), {});
  const [exitCode] = await once(script.child, "close");
  expect(exitCode, script.output()).toBe(0);
  for (const [word, text] of Object.entries(printed)) if (code.includes(word)) expect(script.output()).toContain(text);
});

test("every part of the kit has its block", () => {
  for (const word of [...Object.keys(printed), "leaderOf", "startFaultProxy", "createJwtOperator", "partitionable"]) {
    expect(blocks.filter((code) => code.includes(word)).length, word).toBeGreaterThan(0);
  }
});

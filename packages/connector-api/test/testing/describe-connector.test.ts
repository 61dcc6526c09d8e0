import { describe, expect, it } from "vitest";
import { defineSchema, type JsonObject } from "../../src/index.js";
import { checkSink, checkSource } from "../../src/testing/check-law.js";
import type { ConnectorFixture, SinkEnvironment } from "../../src/testing/connector-fixture.js";
import { checkBroken, optionalSinkLaws, optionalSourceLaws } from "../../src/testing/describe-connector.js";
import { describeConnector, type SuiteRow } from "../../src/testing/index.js";
import { sinkLaws } from "../../src/testing/sink-laws.js";
import { sourceLaws } from "../../src/testing/source-laws.js";
import { type Fault, type Memory, type MemoryTable, memoryConnector } from "./memory-connector.js";

function fixtureOf(fault?: Fault): ConnectorFixture<JsonObject, MemoryTable> {
  const memories = new Map<string, Memory>();
  const openMemory = (): { name: string; memory: Memory } => {
    const name = `memory-${memories.size}`;
    const memory: Memory = { input: [], output: [], acked: 0 };
    memories.set(name, memory);
    return { name, memory };
  };
  const linesOf = (memory?: Memory) => (memory?.output ?? []).map((line) => JSON.parse(line) as SuiteRow);
  const openSink = async (more: object): Promise<SinkEnvironment> => {
    const { name, memory } = openMemory();
    return { options: { memory: name, ...more }, read: async () => linesOf(memory) };
  };
  const schema = defineSchema({ id: "BIGINT NOT NULL" });
  const options = { memory: "any", token: "{{ TOKEN }}" };
  return {
    connector: memoryConnector(memories, fault),
    environment: { TOKEN: "s3cret" },
    tables: [
      { type: "source", options, schema, secrets: ["s3cret"] },
      { type: "sink", options, schema, secrets: ["s3cret"] },
    ],
    brokenTables: {
      "an array that is not there": async () => ({ type: "source", options: { memory: "none" }, schema }),
    },
    sources: {
      "an array": async () => {
        const { name, memory } = openMemory();
        return {
          options: { memory: name },
          append: async (rows) => void memory.input.push(...rows.map((row) => JSON.stringify(row))),
          appendBad: async () => void memory.input.push("bad"),
          acked: async () => memory.acked,
        };
      },
    },
    sinks: {
      "an array": () => openSink({}),
      "an array with progress": () => openSink({ keepsProgress: true }),
    },
    missingSinks: {
      "an array that is not there": async () => {
        const name = `missing-${memories.size}`;
        return { options: { memory: name }, read: async () => linesOf(memories.get(name)) };
      },
    },
    checkpoints: async () => ({ type: "sink", options }),
  };
}

describeConnector("memory", fixtureOf());

const faults: Readonly<Record<Fault, string>> = {
  "snapshot reads ahead": "takes what was handed on into a snapshot",
  "resumes one early": "goes on behind its snapshot after a crash",
  "resumes one late": "starts where the sink says it is",
  "ignores backpressure": "asks for no more while downstream is full",
  "acks at once": "acknowledges nothing before the checkpoint",
  "acks what was read later": "acknowledges nothing before the checkpoint",
  "never acks": "acknowledges nothing before the checkpoint",
  "drain loses what it has": "loses nothing between a drain and the next start",
  "fails with rows in hand": "bad_data = 'fail': ends with a coded error, every row before it",
  "stop waits for ever": "stops at once, also while it waits for input",
  "never ends": "reads what was there before",
  "close throws": "can be closed before it was opened",
  "flush is early": "has written every row before a flush",
  "output out of order": "has written every row before a flush",
  "truncates its output": "writes behind what an earlier run has written",
  "bad row is written": "bad_data = 'drop': counts a bad row",
  "test passes over a failure": "its test notices input that is no row",
  "test takes the input": "its test finds a right table right, and takes nothing",
  "test writes": "its test finds a right table right, and writes nothing",
  "test goes on when stopped": "its test ends soon after its signal",
  "test has no remedy": "its test notices input that is no row",
  "test decodes nothing": "its test notices input that is no row",
  "preflight takes the input": "its preflight finds a right table right, and takes nothing",
  "preflight passes over a failure": "",
  "preflight goes on when stopped": "its preflight ends soon after its signal",
  "finding has no remedy": "its preflight finds a right table right, and takes nothing",
  "finding of no rule": "its preflight finds a right table right, and writes nothing",
  "explains nothing": "its explanation says what a run would ask for, and takes nothing",
  "makes what is there": "makes nothing where nothing is missing",
  "replay skips one": "replays what the input holds",
  "replay acks": "replays what the input holds",
  "reads through too far": "its state says how far it has read",
  "moves one too far": "its state can be moved back",
  "skips nothing": "its state can be moved back",
  "forgets its progress": "says at its next start",
  "lets an older one write": "lets no older incarnation write",
  "has progress undeclared": "leaves the position to the host",
};

/** The law about broken tables is no law of one operator. */
it.each(["test passes over a failure", "preflight passes over a failure"] as const)(
  "the suite notices on a broken table: %s",
  async (fault) => {
    const fixture = fixtureOf(fault);
    const open = fixture.brokenTables?.["an array that is not there"];
    if (open === undefined) throw new Error("no broken table");
    await checkBroken(fixtureOf(), open);
    await expect(checkBroken(fixture, open)).rejects.toThrow();
  },
);

it("shows why a law was broken, and closes everything else, although the source cannot be closed", async () => {
  let isClosed = false;
  const fixture = fixtureOf("close throws");
  const open = async () => {
    const environment = await fixture.sources?.["an array"]?.();
    if (environment === undefined) throw new Error("no source");
    return Object.assign(environment, {
      async [Symbol.asyncDispose]() {
        isClosed = true;
      },
    });
  };
  const law = {
    name: "a law",
    async check({ create }: { create(): unknown }) {
      create();
      throw new Error("the law was broken");
    },
  };
  await expect(checkSource(fixture, open, law)).rejects.toThrow("the law was broken");
  expect(isClosed).toBe(true);
});

describe("the suite notices a connector that", () => {
  it.concurrent.each(Object.entries(faults).filter(([, law]) => law !== ""))(
    "%s",
    async (fault, lawName) => {
      const fixture = fixtureOf(fault as Fault);
      const sourceLaw = [...sourceLaws, ...optionalSourceLaws].find((law) => law.name.startsWith(lawName));
      const sinkLaw = [...sinkLaws, ...optionalSinkLaws].find((law) => law.name.startsWith(lawName));
      const progress = sinkLaw?.appliesTo?.keepsProgress === true;
      const sink = fixture.sinks?.[progress ? "an array with progress" : "an array"];
      const open = { source: fixture.sources?.["an array"], sink };
      const checked =
        sourceLaw !== undefined && open.source !== undefined
          ? checkSource(fixture, open.source, sourceLaw)
          : sinkLaw !== undefined && open.sink !== undefined
            ? checkSink(fixture, open.sink, sinkLaw)
            : undefined;
      expect(checked, lawName).toBeDefined();
      await expect(checked).rejects.toThrow();
    },
    30_000,
  );
});

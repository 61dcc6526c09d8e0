import { fc, test } from "@fast-check/vitest";
import { describe, expect, it } from "vitest";
import {
  isWithin,
  Transaction,
  TransactionBuilder,
  type TransactionLimits,
  type WholeLimits,
} from "../../src/exactly-once/transaction.ts";

/** One input: rows of it that are refused are `null`, the others are outputs of so many bytes. */
type Input = readonly (number | null)[];

function builderOf(limits: TransactionLimits, into: Transaction[], whole?: WholeLimits): TransactionBuilder {
  const cut = (transaction: Transaction): void => void into.push(transaction);
  return new TransactionBuilder({ limits, whole, start: "0", sequenceOf: Number, cut });
}

const whole: WholeLimits = {
  maxOutputs: 1000,
  maxBytes: 10_000,
  exceeded: (input) => new Error(`input ${input} is too large`),
};

interface Run {
  readonly transactions: Transaction[];
  /** Names of the outputs in the order they were added. */
  readonly outputs: string[];
}

/** Batches of inputs, as a writer hands them over; `cutAfter` says behind which batches a barrier comes. */
function build(
  batches: readonly (readonly Input[])[],
  maxOutputs: number,
  maxBytes: number,
  cutAfter: boolean[],
  whole?: WholeLimits,
): Run {
  const run: Run = { transactions: [], outputs: [] };
  const builder = builderOf({ maxOutputs, maxBytes }, run.transactions, whole);
  let input = 0;
  batches.forEach((inputs, b) => {
    for (const rows of inputs) {
      input += 1;
      rows.forEach((bytes, index) => {
        if (bytes === null) return;
        const name = `${input}/${index}`;
        run.outputs.push(name);
        builder.add(name, new Uint8Array(bytes), undefined, String(input), index);
      });
    }
    builder.end(String(input));
    if (cutAfter[b] === true) builder.cutAll();
  });
  builder.cutAll();
  return run;
}

const rows = fc.array(fc.option(fc.integer({ min: 0, max: 40 }), { freq: 5 }), { maxLength: 12 });
const batches = fc.array(fc.array(rows, { maxLength: 8 }), { maxLength: 8 });

describe("a transaction", () => {
  test.prop([batches, fc.integer({ min: 1, max: 7 }), fc.integer({ min: 1, max: 120 }), fc.array(fc.boolean())])(
    "has every output once, in order, and progress that says exactly which",
    (given, maxOutputs, maxBytes, cutAfter) => {
      const { transactions, outputs } = build(given, maxOutputs, maxBytes, cutAfter);
      expect(transactions.flatMap((each) => each.subjects)).toEqual(outputs);
      const inputs = given.flat();
      let written = 0;
      for (const { subjects, payloads, bytes, progress, size } of transactions) {
        written += size;
        expect(size).toBeLessThanOrEqual(maxOutputs);
        expect(bytes).toBe(payloads.reduce((sum, payload) => sum + payload.length, 0));
        if (size > 1) expect(bytes).toBeLessThanOrEqual(maxBytes);
        // What a restart would write again is what is not in here.
        const position = Number(progress.position);
        const done = outputs.filter((name) => {
          const [input = 0, index = 0] = name.split("/").map(Number);
          const { part } = progress;
          return input <= position || (part !== undefined && input === part.sequence && index < part.rows);
        });
        expect(done.length, subjects.join()).toBe(written);
        if (progress.part !== undefined) {
          // Only an input that does not fit by itself is cut inside.
          const own = (inputs[progress.part.sequence - 1] ?? []).filter((each) => each !== null);
          const ownBytes = own.reduce<number>((sum, each) => sum + (each ?? 0), 0);
          expect(own.length > maxOutputs || ownBytes > maxBytes).toBe(true);
          expect(new Set(subjects.map((name) => name.split("/")[0])).size).toBe(1);
        }
      }
      if (inputs.length > 0 && transactions.length > 0) {
        expect(transactions.at(-1)?.progress).toEqual({ position: String(inputs.length) });
      }
    },
  );

  test.prop([batches, fc.integer({ min: 1, max: 7 }), fc.integer({ min: 1, max: 120 })])(
    "keeps an input whole and by itself where it may not be cut, however large it is",
    (given, maxOutputs, maxBytes) => {
      const { transactions, outputs } = build(given, maxOutputs, maxBytes, [], whole);
      expect(transactions.flatMap((each) => each.subjects)).toEqual(outputs);
      for (const transaction of transactions) {
        expect(transaction.progress.part).toBeUndefined();
        const inputs = new Set(transaction.subjects.map((name) => name.split("/")[0]));
        if (isWithin(transaction, { maxOutputs, maxBytes })) continue;
        expect(inputs).toEqual(new Set([transaction.progress.position]));
      }
    },
  );

  it("ends what is more of one input than may be kept together", () => {
    const one: Input = Array.from({ length: 30 }, () => 1);
    expect(() => build([[[1], one]], 5, 100, [], { ...whole, maxOutputs: 20 })).toThrow("input 2 is too large");
    expect(() => build([[[1], one]], 5, 100, [], { ...whole, maxBytes: 20 })).toThrow("input 2 is too large");
  });

  it("is filled to its limit, whatever the size of the batches", () => {
    const one: Input = [1];
    const { transactions } = build(
      Array.from({ length: 6 }, () => Array.from({ length: 500 }, () => one)),
      999,
      1e6,
      [],
    );
    expect(transactions.map(({ size }) => size)).toEqual([999, 999, 999, 3]);
  });

  it("moves the position over input without outputs, once", () => {
    const cut: Transaction[] = [];
    const builder = builderOf({ maxOutputs: 10, maxBytes: 100 }, cut);
    builder.cutAll();
    builder.end("7");
    builder.cutOutputs();
    expect(cut).toEqual([]);
    builder.cutAll();
    builder.end("7");
    builder.cutAll();
    expect(cut).toMatchObject([{ size: 0, progress: { position: "7" } }]);
  });

  it("leaves the input under way out when it is cut before the end of it", () => {
    const cut: Transaction[] = [];
    const builder = builderOf({ maxOutputs: 10, maxBytes: 100 }, cut);
    builder.add("1/0", new Uint8Array(1), undefined, "1", 0);
    builder.cutOutputs();
    expect(cut).toEqual([]);
    builder.add("2/0", new Uint8Array(1), undefined, "2", 0);
    builder.cutOutputs();
    expect(cut).toMatchObject([{ subjects: ["1/0"], progress: { position: "1" } }]);
    expect(builder.waiting).toBe(1);
  });

  it("forgets the bytes of what is taken out", () => {
    const transaction = new Transaction();
    for (const bytes of [1, 2, 4]) transaction.add(`s${bytes}`, new Uint8Array(bytes), new Uint8Array(10));
    transaction.remove(1);
    expect(transaction).toMatchObject({ bytes: 25, subjects: ["s1", "s4"], size: 2 });
  });
});

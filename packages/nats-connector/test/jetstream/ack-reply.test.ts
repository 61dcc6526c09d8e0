import { fc, test } from "@fast-check/vitest";
import { expect } from "vitest";
import { AckReplyReader, replyStream, replyToken } from "../../src/jetstream/ack-reply.js";

const name = fc.stringMatching(/^[A-Za-z0-9_-]{1,40}$/);
const seq = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
const parts = fc.record({
  stream: name,
  consumer: name,
  delivered: fc.integer({ min: 1, max: 1000 }),
  sseq: seq,
  dseq: seq,
  ts: fc.bigInt({ min: 1n, max: 9_223_372_036_854_775_807n }),
  pending: fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
});
const form = fc.constantFrom("v1", "v2", "v2+");

function build(p: typeof parts extends fc.Arbitrary<infer T> ? T : never, kind: string): string {
  const head = kind === "v1" ? "$JS.ACK" : "$JS.ACK.hub.ACCHASH";
  const tail = kind === "v2+" ? ".rAnd0m" : "";
  return `${head}.${p.stream}.${p.consumer}.${p.delivered}.${p.sseq}.${p.dseq}.${p.ts}.${p.pending}${tail}`;
}

test.prop([parts, form])("every form of reply gives its numbers, position and ack", (p, kind) => {
  const reader = new AckReplyReader();
  const reply = build(p, kind);
  for (let again = 0; again < 2; again++) {
    reader.read(reply);
    expect(reader.streamSeq).toBe(p.sseq);
    expect(reader.consumerSeq).toBe(p.dseq);
    expect(reader.position(reply)).toBe(`${p.sseq}.${p.dseq}.${p.ts}`);
    expect(reader.pending(reply)).toBe(p.pending);
  }
  const acked = new AckReplyReader();
  acked.read(reader.ackSubject(p.sseq, p.dseq));
  expect([acked.streamSeq, acked.consumerSeq, acked.prefix]).toEqual([p.sseq, p.dseq, reader.prefix]);
  expect(replyStream(reply)).toBe(p.stream);
  expect(replyToken(reply, 3)).toBe(String(p.ts));
});

test.prop([parts, form, form])("a reader follows when the form of the reply changes", (p, first, second) => {
  const reader = new AckReplyReader();
  reader.read(build(p, first));
  const reply = build({ ...p, sseq: 7, dseq: 9 }, second);
  reader.read(reply);
  expect([reader.streamSeq, reader.consumerSeq, reader.pending(reply)]).toEqual([7, 9, p.pending]);
});

test.prop([fc.string()])("anything else is POSITION_LOST", (text) => {
  expect(() => new AckReplyReader().read(text)).toThrow(expect.objectContaining({ code: "POSITION_LOST" }));
});

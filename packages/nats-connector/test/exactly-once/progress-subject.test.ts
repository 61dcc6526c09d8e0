import { fc, test } from "@fast-check/vitest";
import { describe, expect, it } from "vitest";
import {
  capturedSubject,
  checkProgressSubject,
  isProgressSubject,
  progressSubjects,
} from "../../src/exactly-once/progress-subject.ts";
import { coversSubject } from "../../src/sink/subject-match.ts";

const owner = { pipeline: "billing", split: "0" };

describe("the progress subject", () => {
  it.each([
    ["late.flights", ["late.__progress.billing.0", "late.flights.__progress.billing.0"]],
    ["late", ["late.__progress.billing.0"]],
    ["a.b.c", ["a.b.__progress.billing.0", "a.b.c.__progress.billing.0"]],
    ["orders.{region}.{id}", ["orders.__progress.billing.0"]],
    ["a.b.{id}.c", ["a.b.__progress.billing.0"]],
    ["a.x{id}.c", ["a.__progress.billing.0"]],
    ["{region}.late", []],
  ])("of %s is one of %j", (subject, candidates) => {
    expect(progressSubjects(subject, undefined, owner)).toEqual(candidates);
  });

  it("is the first of them that the stream captures", () => {
    const candidates = progressSubjects("late.flights", undefined, owner);
    expect(capturedSubject(candidates, ["other", "late.>"])).toBe("late.__progress.billing.0");
    expect(capturedSubject(candidates, ["late.flights", "late.flights.>"])).toBe("late.flights.__progress.billing.0");
    expect(capturedSubject(candidates, ["late.flights"])).toBeUndefined();
  });

  it("is the user's own, with pipeline and split filled in", () => {
    expect(progressSubjects("x", "late.p", owner)).toEqual(["late.p"]);
    const odd = { pipeline: "a.b c", split: "2/8" };
    expect(progressSubjects("x", "p.{pipeline}.{split}", odd)).toEqual(["p.a%2Eb%20c.2/8"]);
    for (const wrong of ["p.{table}", "p..q", "p.*", "p q", ".p", "p.{pipeline"]) {
      expect(() => checkProgressSubject(wrong), wrong).toThrow(/exactly_once.progress_subject/);
    }
    expect(() => checkProgressSubject("late.p.{pipeline}-{split}")).not.toThrow();
  });

  it("is told from outputs", () => {
    expect(isProgressSubject("late.__progress.billing.0")).toBe(true);
    expect(isProgressSubject("late.in__progress.x")).toBe(false);
  });

  test.prop([fc.string({ unit: "binary" }), fc.string({ unit: "binary" })])(
    "is a subject of its own for every name",
    (pipeline, split) => {
      const [subject = ""] = progressSubjects("late.flights", undefined, { pipeline, split });
      expect(coversSubject("late.__progress.*.*", subject)).toBe(true);
      expect(subject).toMatch(/^[!-~]+$/);
      const tokens = subject.split(".").map((token) => decodeURIComponent(token === "%" ? "" : token));
      expect(tokens.slice(2)).toEqual([pipeline, split].map((name) => Buffer.from(name).toString()));
    },
  );
});

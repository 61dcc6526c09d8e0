import { describe, expect, it } from "vitest";
import { badDataFromOptions, ConnectorOptions, parseBadData } from "../src/index.js";

describe("bad data", () => {
  it("fails unless told to drop", () => {
    expect(badDataFromOptions(ConnectorOptions.fromObject({}))).toEqual({ behavior: "fail" });
    expect(badDataFromOptions(ConnectorOptions.fromObject({ badData: "DROP" }))).toEqual({ behavior: "drop" });
    expect(parseBadData({ behavior: "drop" })).toEqual({ behavior: "drop" });
  });

  it("needs a subject for dead letters, and dead letters for a subject", () => {
    const deadLetter = { behavior: "dead_letter", subject: "dlq.orders" };
    const bag = ConnectorOptions.fromObject({ badData: "dead_letter", deadLetter: { subject: "dlq.orders" } });
    expect(badDataFromOptions(bag)).toEqual(deadLetter);
    expect(() => bag.finish()).not.toThrow();
    expect(parseBadData(deadLetter)).toEqual(deadLetter);
    expect(() => badDataFromOptions(ConnectorOptions.fromObject({ badData: "dead_letter" }))).toThrow(
      expect.objectContaining({ code: "OPTION_MISSING", message: expect.stringContaining("deadLetter.subject") }),
    );
    expect(() => parseBadData({ behavior: "dead_letter" })).toThrow("badData.subject: expected a text");
    expect(() => parseBadData({ behavior: "drop", subject: "dlq" })).toThrow("badData.subject: only with behavior");
  });

  it("says where a subject stands that nothing uses", () => {
    const place = { line: 2, column: 3, length: 11 };
    const entry = { name: "dead_letter.subject", label: "dead_letter.subject", value: "dlq.orders", place };
    const message = "option \"dead_letter.subject\" needs bad_data = 'dead_letter'";
    const bag = new ConnectorOptions([entry], {});
    expect(() => badDataFromOptions(bag)).toThrow(expect.objectContaining({ code: "OPTION_CONFLICT", message, place }));
  });

  it("names every choice", () => {
    expect(() => parseBadData({ behavior: "ignore" })).toThrow(
      'badData.behavior: expected one of "fail", "drop", "dead_letter", got "ignore"',
    );
  });
});

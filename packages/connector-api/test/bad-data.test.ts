import { describe, expect, it } from "vitest";
import { badDataFromOptions, ConnectorOptions, parseBadData } from "../src/index.js";

describe("bad data", () => {
  it("fails unless told to drop", () => {
    expect(badDataFromOptions(ConnectorOptions.fromObject({}))).toEqual({ behavior: "fail" });
    expect(badDataFromOptions(ConnectorOptions.fromObject({ badData: "DROP" }))).toEqual({ behavior: "drop" });
    expect(parseBadData({ behavior: "drop" })).toEqual({ behavior: "drop" });
  });

  it("refuses dead letters until a later version, with the place", () => {
    const place = { line: 2, column: 3, length: 11 };
    const bag = new ConnectorOptions([{ name: "bad_data", label: "bad_data", value: "dead_letter", place }], {});
    const message = 'option "bad_data": "dead_letter" comes in a later version; use "fail" or "drop"';
    expect(() => badDataFromOptions(bag)).toThrow(expect.objectContaining({ code: "UNSUPPORTED", message, place }));
    expect(() => parseBadData({ behavior: "dead_letter" })).toThrow(expect.objectContaining({ code: "UNSUPPORTED" }));
  });

  it("names every choice", () => {
    expect(() => parseBadData({ behavior: "ignore" })).toThrow(
      'badData.behavior: expected one of "fail", "drop", "dead_letter", got "ignore"',
    );
  });
});

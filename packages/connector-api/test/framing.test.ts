import { fc, test } from "@fast-check/vitest";
import { describe, expect, it } from "vitest";
import {
  ConnectorOptions,
  createNewlineFraming,
  type FramingConfig,
  framingFromOptions,
  parseFraming,
} from "../src/index.js";

function cut(text: string, config: FramingConfig = { method: "newline" }): { frames: string[]; tooLong: string[] } {
  const tooLong: string[] = [];
  const frames: string[] = [];
  const framing = createNewlineFraming(config, (error) => tooLong.push(`${error.code} ${error.message}`));
  framing(Buffer.from(text), (frame) => frames.push(Buffer.from(frame).toString()));
  return { frames, tooLong };
}

describe("createNewlineFraming", () => {
  const line = fc.string().filter((text) => text !== "" && !/[\r\n]/.test(text));
  test.prop([fc.array(fc.tuple(line, fc.constantFrom("\n", "\r\n", "\n\n"))), fc.boolean()])(
    "gives every line, whatever ends it",
    (lines, endsWithLine) => {
      const text = lines.map(([line, end]) => line + end).join("");
      const cutText = endsWithLine ? text : text.replace(/\r?\n*$/, "");
      expect(cut(cutText)).toEqual({ frames: lines.map(([line]) => line), tooLong: [] });
    },
  );

  it("refuses an over-long line whole and gives the others", () => {
    expect(cut("ab\nabcd\r\nabc\nabcde", { method: "newline", maxLineLength: 3 })).toEqual({
      frames: ["ab", "abc"],
      tooLong: [
        "BAD_DATA a line of 4 bytes is longer than framing.newline.max_length = 3",
        "BAD_DATA a line of 5 bytes is longer than framing.newline.max_length = 3",
      ],
    });
  });

  it("gives views, not copies, and nothing for an empty message", () => {
    const message = Buffer.from("a\nb");
    createNewlineFraming({ method: "newline" }, () => {})(message, (frame) =>
      expect(frame.buffer).toBe(message.buffer),
    );
    expect(cut("").frames).toEqual([]);
    expect(cut("\r\n\r\n").frames).toEqual([]);
  });
});

describe("framingFromOptions", () => {
  const pull = (options: object): FramingConfig | undefined => {
    const bag = ConnectorOptions.fromObject(options);
    const framing = framingFromOptions(bag);
    bag.finish();
    return framing;
  };

  it("reads the method and the longest line", () => {
    expect(pull({})).toBeUndefined();
    expect(pull({ framing: "none" })).toBeUndefined();
    expect(pull({ framing: "newline" })).toEqual({ method: "newline" });
    expect(pull({ framing: { newline: { maxLength: "1KiB" } } })).toEqual({ method: "newline", maxLineLength: 1024 });
  });

  it("refuses a length without lines, no length at all, and other methods", () => {
    expect(() => pull({ framing: "none", "framing.newline.max_length": 5 })).toThrow(
      "applies only to framing = 'newline'",
    );
    expect(() => pull({ "framing.newline.max_length": 0 })).toThrow("expected a size above 0, got 0");
    expect(() => pull({ framing: "length" })).toThrow('expected one of "none", "newline", got "length"');
  });
});

describe("parseFraming", () => {
  it("reads our form and Arroyo's", () => {
    expect(parseFraming({ method: "newline", maxLineLength: 7 })).toEqual({ method: "newline", maxLineLength: 7 });
    expect(parseFraming({ method: "Newline", max_line_length: 7 })).toEqual({ method: "newline", maxLineLength: 7 });
    expect(parseFraming({ method: "newline", max_line_length: null })).toEqual({ method: "newline" });
  });

  it("names the path", () => {
    expect(() => parseFraming({ method: "csv" })).toThrow('framing.method: expected one of "newline", got "csv"');
    expect(() => parseFraming({ method: "newline", maxLineLength: 0 })).toThrow(
      "framing.maxLineLength: expected an integer",
    );
    expect(() => parseFraming(null, "a.framing")).toThrow("a.framing: expected an object, got null");
  });
});

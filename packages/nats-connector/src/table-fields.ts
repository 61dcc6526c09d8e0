import { z } from "zod";
import { documented } from "./parse-stored.js";

/** A text of a certain form, for any kind of table. */
export const name = (pattern: RegExp, expected: string) => z.string().regex(pattern, `expected ${expected}`);
export const count = (min = 1) => z.int().min(min);
/** The server's rule for stream names, which also keeps them out of other tokens of a subject. */
export const streamName = name(/^[^\s.*>/\\]+$/, 'a stream name without ".", "*", ">", slashes or spaces');
/** A subject to listen on: tokens, `*`, and a last `>`. The client checks nothing, so this keeps CR, LF and spaces out. */
export const listenSubject = name(/^(?:[^\s.>]+\.)*(?:[^\s.>]+|>)$/, "a subject: tokens joined by dots, no spaces");
/** RFC 3339. */
export const time = z.string().refine((text) => /^\d{4}-\d\d-\d\dT/.test(text) && !Number.isNaN(Date.parse(text)), {
  message: "expected a time as in RFC 3339 (2026-01-31T08:00:00Z)",
});
export const kind = <const Kind extends string>(word: Kind, description: string) =>
  documented(z.literal(word), "type", "Kind", description);

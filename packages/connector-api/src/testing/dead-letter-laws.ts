import { expect } from "vitest";
import type { DeadLetter } from "../dead-letter-box.js";
import { isConnectorError } from "../errors.js";
import { eventually } from "./eventually.js";
import { appendBad, type SourceLaw } from "./source-laws.js";
import { suiteRows } from "./suite-rows.js";

/** The laws of `openDeadLetters`, over letters that a source has written. */
export const deadLetterLaws: readonly SourceLaw[] = [
  {
    name: "bad_data = 'dead_letter': goes on, and the box holds what was refused, until it is redriven",
    appliesTo: { openDeadLetters: true, format: true },
    async check({ environment, start, tools }) {
      const subject = await environment.openLetters?.();
      if (subject === undefined) throw new Error("the connector has dead letters: its environment needs openLetters()");
      const source = await start({ options: { badData: "dead_letter", deadLetter: { subject } } });
      await environment.append(suiteRows(1, 3));
      await appendBad(environment);
      await environment.append(suiteRows(4, 6));
      await eventually("6 rows arrived", () => source.rows().length >= 6);
      expect(source.counters.badRows).toBe(1);
      await source.flush(1);
      const { signal } = new AbortController();
      const box = await tools().openDeadLetters(subject);
      try {
        const letters: DeadLetter[] = [];
        for await (const letter of box.list({}, signal)) letters.push(letter);
        expect(letters.length).toBe(1);
        const [letter] = letters;
        if (letter === undefined) return;
        expect(letter).toMatchObject({ origin: { kind: "message" }, code: "BAD_DATA" });
        expect(letter.payload.length).toBeGreaterThan(0);
        expect(letter.reason, "no value of the data").not.toContain(new TextDecoder().decode(letter.payload));
        expect(await box.read(letter.sequence, signal)).toEqual(letter);
        const to = `${subject}.elsewhere`;
        expect(await box.redrive(letter, { keep: false, to, signal })).toMatchObject({ subject: to, removed: true });
        expect(await box.read(letter.sequence, signal)).toBeUndefined();
      } finally {
        await box.close();
        await box.close();
      }
    },
  },
  {
    name: "has no box where nothing keeps letters",
    appliesTo: { openDeadLetters: true },
    async check({ tools }) {
      const error: unknown = await tools()
        .openDeadLetters("suite.nobody.keeps.this")
        .catch((error: unknown) => error);
      expect(isConnectorError(error) && error.code, String(error)).toBe("STREAM_NOT_FOUND");
    },
  },
];

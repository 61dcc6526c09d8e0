import type { DeadLetter } from "@x/connector-api";
import type { Output } from "../output.js";
import { describeOrigin, letterFacts } from "../render/letter.js";
import { plainText } from "../render/plain-text.js";
import { renderTable } from "../render/table.js";
import { countFlag } from "../script-flags.js";
import type { ServerFlags } from "../server-flags.js";
import { withBox } from "./with-box.js";

export interface ListFlags extends ServerFlags {
  readonly from?: string;
  readonly limit: string;
  readonly code?: string;
}

/** `nats-pipeline dlq ls` */
export function listLetters(where: string, flags: ListFlags, output: Output): Promise<number> {
  return withBox(where, flags, output, async (box, signal) => {
    const limit = countFlag("--limit", flags.limit);
    // A code may be rare: with one everything is looked through.
    const range =
      flags.from !== undefined
        ? { from: countFlag("--from", flags.from) }
        : flags.code === undefined
          ? { last: limit }
          : {};
    const letters: DeadLetter[] = [];
    for await (const letter of box.list(range, signal)) {
      if (flags.code === undefined || letter.code === flags.code) letters.push(letter);
      if (letters.length === limit) break;
    }
    if (flags.json === true) {
      output.stdout.write(letters.map((letter) => `${JSON.stringify(letterFacts(letter))}\n`).join(""));
    } else if (letters.length === 0) output.stderr.write(`${box.name} holds no dead letter\n`);
    else output.stdout.write(renderTable(headings, letters.map(rowOf)));
    return 0;
  });
}

const headings = ["number", "stored", "code", "from", "why"];

function rowOf(letter: DeadLetter): readonly string[] {
  const { sequence, storedAt, code, reason, origin } = letter;
  return [String(sequence), storedAt.slice(0, 19), code, describeOrigin(origin), plainText(reason)];
}

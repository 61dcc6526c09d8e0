import { ConnectorError, type DeadLetter, type DeadLetterBox } from "@x/connector-api";
import type { Output } from "../output.js";
import { letterFacts, renderLetter } from "../render/letter.js";
import { countFlag } from "../script-flags.js";
import type { ServerFlags } from "../server-flags.js";
import { withBox } from "./with-box.js";

/** `nats-pipeline dlq show` */
export function showLetter(where: string, number: string, flags: ServerFlags, output: Output): Promise<number> {
  return withBox(where, flags, output, async (box, signal) => {
    const letter = await findLetter(box, countFlag("the number of a letter", number), signal);
    output.stdout.write(flags.json === true ? `${JSON.stringify(letterFacts(letter, true))}\n` : renderLetter(letter));
    return 0;
  });
}

/** USAGE for a letter that is not there. */
export async function findLetter(box: DeadLetterBox, sequence: number, signal: AbortSignal): Promise<DeadLetter> {
  const letter = await box.read(sequence, signal);
  if (letter !== undefined) return letter;
  throw new ConnectorError("USAGE", `${box.name} holds no letter ${sequence}; see "dlq ls"`);
}

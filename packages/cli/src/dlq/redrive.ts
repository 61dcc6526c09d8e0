import { ConnectorError, type DeadLetter, type DeadLetterBox, type Redriven } from "@x/connector-api";
import type { Output } from "../output.js";
import { describeOrigin } from "../render/letter.js";
import { countFlag } from "../script-flags.js";
import type { ServerFlags } from "../server-flags.js";
import { findLetter } from "./show.js";
import { withBox } from "./with-box.js";

export interface RedriveFlags extends ServerFlags {
  readonly all?: boolean;
  readonly code?: string;
  readonly to?: string;
  readonly keep?: boolean;
  readonly dryRun?: boolean;
}

/** `nats-pipeline dlq redrive`: one letter after the other, so that they keep their order; the first failure ends it. */
export function redriveLetters(
  where: string,
  numbers: readonly string[],
  flags: RedriveFlags,
  output: Output,
): Promise<number> {
  return withBox(where, flags, output, async (box, signal) => {
    if ((flags.all === true) === numbers.length > 0) {
      throw new ConnectorError("USAGE", "name the letters by their numbers, or take all with --all");
    }
    const { to, keep = false, code } = flags;
    let done = 0;
    let stuck = 0;
    for await (const letter of select(box, numbers, signal)) {
      if (code !== undefined && letter.code !== code) continue;
      if (to === undefined && letter.stuck !== undefined) {
        stuck += 1;
        output.stderr.write(`letter ${letter.sequence} stays: ${letter.stuck}; --to SUBJECT publishes it elsewhere\n`);
        continue;
      }
      const waiting = waitingFor(output);
      const redriven = flags.dryRun === true ? undefined : await box.redrive(letter, { to, keep, waiting, signal });
      say(output, flags, letter, redriven);
      done += 1;
    }
    const verb = flags.dryRun === true ? "would be redriven" : "redriven";
    output.stderr.write(`${done} ${verb}${stuck === 0 ? "" : `, ${stuck} stay`}\n`);
    return 0;
  });
}

/** The letters, all known to be there before the first is touched, in the order of their numbers. */
async function* select(
  box: DeadLetterBox,
  numbers: readonly string[],
  signal: AbortSignal,
): AsyncGenerator<DeadLetter> {
  if (numbers.length === 0) return yield* box.list({}, signal);
  const wanted = [...new Set(numbers.map((each) => countFlag("the number of a letter", each)))].sort((a, b) => a - b);
  const letters: DeadLetter[] = [];
  for (const number of wanted) letters.push(await findLetter(box, number, signal));
  yield* letters;
}

/** Says once per letter why nothing happens. */
function waitingFor(output: Output): (letter: DeadLetter, forMs: number) => void {
  let said = false;
  return ({ sequence }, forMs) => {
    if (said) return;
    said = true;
    const seconds = Math.ceil(forMs / 1000);
    output.stderr.write(
      `letter ${sequence} waits: its stream still takes it for the refused message (same message id), for up to ${seconds} s\n`,
    );
  };
}

function say(
  output: Output,
  { json, to, dryRun }: RedriveFlags,
  letter: DeadLetter,
  redriven: Redriven | undefined,
): void {
  const { sequence, code, origin } = letter;
  const subject = redriven?.subject ?? to ?? (origin.kind === "message" ? origin.subject : "");
  if (json === true) {
    const event = dryRun === true ? "would-redrive" : "redriven";
    output.stdout.write(`${JSON.stringify({ event, number: sequence, code, origin, ...redriven, subject })}\n`);
    return;
  }
  const stored = redriven?.stored === undefined ? "" : ` as ${redriven.stored.stream}:${redriven.stored.sequence}`;
  output.stdout.write(`${sequence}  ${describeOrigin(origin)} → ${subject}${stored}\n`);
}

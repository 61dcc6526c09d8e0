import type { Differences } from "../verify/differences.js";
import { plainText } from "./plain-text.js";
import type { Style } from "./style.js";

export interface JudgedDifferences extends Differences {
  readonly pipeline: string;
  readonly from: number | null;
  readonly to: number | null;
  readonly holds: boolean;
}

/** What `verify` found, for people. */
export function renderDifferences(judged: JudgedDifferences, style: Style): string {
  const { pipeline, from, to, inputs, expected, found, holds, examples } = judged;
  const range = `messages ${from ?? "from the first"} to ${to ?? "the last"}`;
  const kinds = (["lost", "duplicated", "reordered", "unexpected"] as const).map((kind) => {
    const some = examples[kind].map(plainText).join(", ");
    const more = judged[kind] > examples[kind].length ? ", …" : "";
    return `  ${String(judged[kind]).padStart(10)} ${kind}${some === "" ? "" : `: ${some}${more}`}\n`;
  });
  const gone =
    judged.unverifiable === 0
      ? ""
      : `  ${String(judged.unverifiable).padStart(10)} of inputs that are gone or outside the range\n`;
  const verdict = holds ? style.green("no difference") : style.red("there is a difference");
  return `${style.bold(pipeline)}: ${range}: ${inputs} read, ${expected} rows expected, ${found} found\n${kinds.join("")}${gone}  ${verdict}\n`;
}

/** Paints text for a terminal, or leaves it as it is. */
export interface Style {
  red(text: string): string;
  yellow(text: string): string;
  green(text: string): string;
  dim(text: string): string;
  bold(text: string): string;
}

const plain = (text: string): string => text;
const code =
  (on: number, off: number) =>
  (text: string): string =>
    `\x1b[${on}m${text}\x1b[${off}m`;

const coloured: Style = {
  red: code(31, 39),
  yellow: code(33, 39),
  green: code(32, 39),
  dim: code(2, 22),
  bold: code(1, 22),
};
const uncoloured: Style = { red: plain, yellow: plain, green: plain, dim: plain, bold: plain };

/** Colours only on a terminal that has them, and not against NO_COLOR (no-color.org). */
export function styleOf(stream: { readonly isTTY?: boolean }, environment = process.env): Style {
  const wanted = (environment.NO_COLOR ?? "") === "" && environment.TERM !== "dumb";
  return stream.isTTY === true && wanted ? coloured : uncoloured;
}

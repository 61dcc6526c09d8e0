import { ConnectorError } from "@x/connector-api";
import { coversSubject } from "../sink/subject-match.js";

/** Who a progress subject is for. */
export interface ProgressOwner {
  readonly pipeline: string;
  readonly split: string;
}

/** The token that keeps progress apart from outputs. */
const MARK = "__progress";

/**
 * The subjects that progress may be kept under, the preferred one first: `progress` where the user gave it (it may hold
 * `{pipeline}` and `{split}`), else `<leading literal tokens of subject without its last>.__progress.<pipeline>.<split>`
 * and `<subject>.__progress.<pipeline>.<split>`. Empty when a column comes first and nothing was given.
 */
export function progressSubjects(subject: string, progress: string | undefined, owner: ProgressOwner): string[] {
  if (progress !== undefined) {
    const values: Readonly<Record<string, string>> = { pipeline: owner.pipeline, split: owner.split };
    return [progress.replaceAll(/\{(pipeline|split)\}/g, (_, name: string) => subjectToken(values[name] ?? ""))];
  }
  const end = `${MARK}.${subjectToken(owner.pipeline)}.${subjectToken(owner.split)}`;
  const tokens = subject.split(".").slice(0, -1);
  const firstColumn = tokens.findIndex((token) => token.includes("{"));
  const leading = firstColumn === -1 ? tokens : tokens.slice(0, firstColumn);
  const candidates = leading.length === 0 ? [] : [`${leading.join(".")}.${end}`];
  if (!subject.includes("{")) candidates.push(`${subject}.${end}`);
  return candidates;
}

/** The first candidate that a stream captures; undefined for none. */
export function capturedSubject(candidates: readonly string[], subjects: readonly string[]): string | undefined {
  return candidates.find((candidate) => subjects.some((each) => coversSubject(each, candidate)));
}

/** Throws OPTION_INVALID for a `exactly_once.progress_subject` that no message could be published to. */
export function checkProgressSubject(progress: string): void {
  const shape = progress.replaceAll(/\{(pipeline|split)\}/g, "x");
  const reason = /[{}]/.test(shape)
    ? "holds another placeholder than {pipeline} and {split}"
    : /^[^\s.*>\p{Cc}]+(\.[^\s.*>\p{Cc}]+)*$/u.test(shape)
      ? undefined
      : "is no subject to publish to";
  if (reason === undefined) return;
  throw new ConnectorError("OPTION_INVALID", `exactly_once.progress_subject: "${progress}" ${reason}`);
}

/** True for a subject that only progress may be published to. */
export function isProgressSubject(subject: string): boolean {
  return subject.includes(`.${MARK}.`) || subject.startsWith(`${MARK}.`);
}

/** Any name as one token of a subject: what has a meaning there, or is not plain ASCII, as `%XX`. */
function subjectToken(name: string): string {
  const bytes = (text: string): string =>
    [...Buffer.from(text)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`).join("");
  return name === "" ? "%" : name.replaceAll(/[^!-~]|[%.*>]/gu, bytes);
}

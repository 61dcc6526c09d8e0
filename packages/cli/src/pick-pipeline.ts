import { ConnectorError, didYouMean } from "@x/connector-api";
import type { PlannedPipeline } from "./plan-pipelines.js";

/** The only pipeline of a file, or the one that `--pipeline` names. USAGE, with all names, for anything else. */
export function pickPipeline(pipelines: readonly PlannedPipeline[], name: string | undefined): PlannedPipeline {
  const names = pipelines.map((one) => one.name);
  const [first, ...more] = pipelines;
  if (name === undefined && first !== undefined && more.length === 0) return first;
  const found = pipelines.find((one) => one.name === name);
  if (found !== undefined) return found;
  throw new ConnectorError(
    "USAGE",
    name === undefined
      ? `the file has several pipelines; choose one with --pipeline: ${names.join(", ")}`
      : `--pipeline: expected one of ${names.join(", ")}; got "${name}"${didYouMean(name, names)}`,
  );
}

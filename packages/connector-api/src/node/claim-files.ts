import { ConnectorError } from "../errors.js";

export function epochFileName(epoch: number): string {
  return `epoch-${epoch}`;
}

export function parseEpochFileName(name: string): number | undefined {
  const digits = /^epoch-(\d{1,15})$/.exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/** The instance that holds an epoch; only a name for messages, so a damaged file is no reason to stop. */
export function parseEpochFile(text: string): string {
  try {
    const claim: unknown = JSON.parse(text);
    if (typeof claim === "object" && claim !== null && "instanceId" in claim) return String(claim.instanceId);
  } catch {
    // The number in the file's name is what counts.
  }
  return "unknown";
}

/** The job's name. Throws STATE_INVALID for a damaged file, a later version, or the folder of another pipeline. */
export function parseJobFile(text: string, path: string, pipeline: string): string {
  const job = parseRecord(text, path);
  if (typeof job.v === "number" && job.v > 1) {
    throw new ConnectorError(
      "STATE_INVALID",
      `${path} has version ${job.v} and this program reads version 1; run the version that wrote it, or a later one`,
    );
  }
  if (typeof job.jobId !== "string" || !/^[A-Za-z0-9_-]+$/.test(job.jobId)) {
    throw new ConnectorError("STATE_INVALID", `${path} is damaged: it names no job. ${remedy}`);
  }
  if (job.pipeline !== pipeline) {
    throw new ConnectorError(
      "STATE_INVALID",
      `${path} belongs to another pipeline (${JSON.stringify(job.pipeline)}, not ${JSON.stringify(pipeline)}); give one of them another name or another folder`,
    );
  }
  return job.jobId;
}

/** Whose folder it is; undefined for a file that does not say. */
export function parsePipelineName(text: string): string | undefined {
  try {
    const job: unknown = JSON.parse(text);
    if (typeof job === "object" && job !== null && "pipeline" in job) return String(job.pipeline);
  } catch {
    // A claim of that pipeline says what is wrong with it.
  }
  return undefined;
}

const remedy = "Remove this one file: the job's name is then taken from the newest checkpoint.";

function parseRecord(text: string, path: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null) return value as Readonly<Record<string, unknown>>;
  } catch {
    // Said below: what JSON.parse says would quote the file.
  }
  throw new ConnectorError("STATE_INVALID", `${path} is damaged: it is no JSON object. ${remedy}`);
}

import type { Identity } from "@x/connector-api";

const MAX_NAME = 255;
const SHARED = "-shared";

/**
 * `<pipeline>-<jobId>-<split>-e<epoch>-<instanceId>`, with `-r<n>` for the nth rebuild. No two processes and no two
 * attachments of one process ever share a name, so nobody pulls from, or acks on, a consumer that is not theirs.
 */
export function consumerName(identity: Identity, split: string, rebuild: number): string {
  const own = `${infix(identity.jobId, split)}${identity.epoch}-${clean(identity.instanceId)}${rebuild === 0 ? "" : `-r${rebuild}`}`;
  return clean(identity.pipeline).slice(0, MAX_NAME - own.length) + own;
}

/** The consumer that all processes of a pipeline share: found by the pipeline's name alone, whatever their state. */
export function sharedConsumerName(pipeline: string): string {
  return `${clean(pipeline).slice(0, MAX_NAME - SHARED.length)}${SHARED}`;
}

/** True for a consumer of the same job and split that an earlier incarnation, or this one before a rebuild, has made. */
export function isOutdated(name: string, identity: Identity, split: string, rebuild: number): boolean {
  const mark = infix(identity.jobId, split);
  const at = name.indexOf(mark);
  const match = at === -1 ? null : /^(\d+)-(.+)$/.exec(name.slice(at + mark.length));
  if (match === null) return false;
  const epoch = Number(match[1]);
  if (epoch !== identity.epoch) return epoch < identity.epoch;
  const instance = clean(identity.instanceId);
  const rest = match[2] ?? "";
  if (!rest.startsWith(instance)) return false;
  const suffix = rest.slice(instance.length);
  const earlier = suffix === "" ? 0 : Number(/^-r(\d+)$/.exec(suffix)?.[1] ?? Number.NaN);
  return earlier < rebuild;
}

/** The parts of a name that {@link consumerName} has made for a job; undefined for any other. */
export function parseConsumerName(
  name: string,
  jobId: string,
): { readonly name: string; readonly split: string; readonly epoch: number; readonly instanceId: string } | undefined {
  const mark = `-${clean(jobId)}-`;
  const at = name.indexOf(mark);
  const match = at === -1 ? null : /^(.+)-e(\d+)-([^-]+)(-r\d+)?$/.exec(name.slice(at + mark.length));
  if (match === null) return undefined;
  const [, split = "", epoch, instanceId = ""] = match;
  return { name, split, epoch: Number(epoch), instanceId };
}

function infix(jobId: string, split: string): string {
  return `-${clean(jobId)}-${clean(split)}-e`;
}

/** What the server takes in a name and a file system in a folder. */
function clean(text: string): string {
  return text.replaceAll(/[^A-Za-z0-9_-]/g, "_");
}

import type { BadDataConfig } from "@x/connector-api";
import type { ConnectionConfig } from "./connection-config.js";
import { progressSubjects } from "./exactly-once/progress-subject.js";
import { coversSubject } from "./sink/subject-match.js";
import { subjectPattern, templateLiterals } from "./sink/subject-template.js";
import { givenUpSubject } from "./source/watch-given-up.js";
import type { JetStreamSinkTable, JetStreamSourceTable, TableConfig } from "./table-config.js";

/** Subjects a NATS user needs, for the `publish` and `subscribe` allow lists of its permissions. */
export interface Permissions {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
}

type Profile = Pick<ConnectionConfig, "inboxPrefix" | "jetstreamDomain">;

interface Reach {
  readonly profile: Profile;
  /** Whether the server that is dialled belongs to the JetStream domain, where that is known. */
  readonly inDomain?: boolean | undefined;
}

/** One source or sink whose permissions are asked for. The more is known, the shorter the list. */
export interface PermissionRequest extends Reach {
  readonly table: TableConfig;
  /** As in `OperatorConfig`: dead letters are published over the operator's own connection. */
  readonly badData?: BadDataConfig | undefined;
  /** Whether the source acks on the server, where that is known: on a limits stream it does not, unless it is told to. */
  readonly acks?: boolean | undefined;
}

/**
 * What one source or sink needs of the server, and nothing more: everything it asks JetStream, what it publishes, and
 * its own replies below `inbox_prefix`. Pure. A consumer's name begins with the pipeline's and holds its epoch, so a
 * wildcard stands for it. With a JetStream domain every API subject is there twice: a server within the domain checks
 * the short name, one outside the name with the domain.
 */
export function permissionsOf(request: PermissionRequest): Permissions {
  const { badData, profile } = request;
  const own = ownPermissions(request);
  if (badData?.behavior !== "dead_letter") return mergePermissions([own]);
  const asked = apiSubjects(request, ["STREAM.NAMES", "STREAM.INFO.*"]);
  return mergePermissions([own, { publish: [badData.subject, ...asked], subscribe: [inboxOf(profile)] }]);
}

/** What `nats-kv:<bucket>` needs to keep checkpoints; with `create` to make the bucket where it is missing, too. */
export function checkpointPermissionsOf(store: Reach & { bucket: string; create?: boolean }): Permissions {
  const { bucket, create = false, profile } = store;
  const keys = `$KV.${bucket}.>`;
  const verbs = ["STREAM.INFO", "STREAM.MSG.GET", "STREAM.PURGE", ...(create ? ["STREAM.CREATE"] : [])];
  const asked = apiSubjects(
    store,
    verbs.map((verb) => `${verb}.KV_${bucket}`),
  );
  // With a domain keys are written through the API's prefix, which the server takes off again.
  const written = profile.jetstreamDomain === undefined ? [] : apiSubjects(store, [keys]);
  return mergePermissions([{ publish: [keys, ...written, ...asked], subscribe: [inboxOf(profile)] }]);
}

/** For one user of several sources, sinks and stores: each subject once, without those that another one covers. */
export function mergePermissions(all: readonly Permissions[]): Permissions {
  return {
    publish: withoutCovered(all.flatMap(({ publish }) => publish)),
    subscribe: withoutCovered(all.flatMap(({ subscribe }) => subscribe)),
  };
}

function ownPermissions(request: PermissionRequest): Permissions {
  const { profile, table, acks } = request;
  const subscribe = [inboxOf(profile)];
  switch (table.type) {
    case "jetstream-source": {
      const asked = apiSubjects(request, ["INFO", `CONSUMER.NAMES.${table.stream}`]);
      const needed = apiPrefixes(request).flatMap((api) => [
        ...streamSubjects(api, table.stream),
        ...consumerFilters(table).flatMap((filter) => consumerSubjects(api, table.stream, "*", filter)),
      ]);
      const isShared = table.ordering === "none" && table.maxDeliver !== undefined;
      const givenUp = isShared ? [givenUpSubject(table.stream, "*")] : [];
      return {
        publish: [...asked, ...needed, ...((acks ?? table.ackPolicy !== "none") ? ackSubjects(table, profile) : [])],
        subscribe: [...subscribe, ...givenUp],
      };
    }
    case "core-source": {
      const { subject, queueGroup } = table;
      return { publish: [], subscribe: [queueGroup === undefined ? subject : `${subject} ${queueGroup}`] };
    }
    case "jetstream-sink": {
      const keepsProgress = table.delivery === "exactly_once";
      const verbs = keepsProgress ? ["INFO", `STREAM.MSG.GET.${table.stream}`] : [];
      const asked = apiSubjects(request, [`STREAM.INFO.${table.stream}`, ...verbs]);
      const progress = keepsProgress ? progressPatterns(table) : [];
      return { publish: [subjectPattern(templateLiterals(table.subject)), ...progress, ...asked], subscribe };
    }
    case "core-sink": {
      // Asked once, to warn of a stream that captures the subject.
      const asked = apiSubjects(request, ["STREAM.NAMES"]);
      return { publish: [subjectPattern(templateLiterals(table.subject)), ...asked], subscribe };
    }
  }
}

/** What a JetStream source asks of its stream. */
export function streamSubjects(api: string, stream: string): readonly string[] {
  return [`${api}.STREAM.INFO.${stream}`, `${api}.STREAM.MSG.GET.${stream}`];
}

/**
 * What it asks of one consumer, but for acks: for its name, or `*` for any. With one filter the filter is part of the
 * subject that creates a consumer, so that a user can be held to it (ADR-15).
 */
export function consumerSubjects(api: string, stream: string, consumer: string, filter?: string): readonly string[] {
  const tail = filter === undefined ? "" : `.${filter}`;
  return [
    `${api}.CONSUMER.CREATE.${stream}.${consumer}${tail}`,
    `${api}.CONSUMER.INFO.${stream}.${consumer}`,
    `${api}.CONSUMER.MSG.NEXT.${stream}.${consumer}`,
    `${api}.CONSUMER.DELETE.${stream}.${consumer}`,
  ];
}

/** Where progress may be kept, whatever the names of pipeline and split. */
function progressPatterns({ subject, progressSubject }: JetStreamSinkTable): readonly string[] {
  const anyone = { pipeline: "*", split: "*" };
  return progressSubjects(subject, progressSubject, anyone).map((each) => each.replaceAll(/[^.]*%2A[^.]*/g, "*"));
}

/** The filters of the consumers of a table, one by one; undefined for a consumer with none, or with several. */
function consumerFilters({
  partition,
  filterSubjects,
  deliver,
}: JetStreamSourceTable): readonly (string | undefined)[] {
  if (partition?.by === "filters") return partition.filters;
  // By a number: how many filters each consumer has depends on the stream's subjects.
  if (partition !== undefined) return [undefined, ">"];
  if (filterSubjects.length > 0) return [filterSubjects.length === 1 ? filterSubjects[0] : undefined];
  return [deliver.policy === "last_per_subject" ? ">" : undefined];
}

/** Ack subjects are `$JS.ACK.<stream>.…`, and `$JS.ACK.<domain>.<account>.<stream>.…` with a domain (ADR-15). */
function ackSubjects({ stream }: JetStreamSourceTable, { jetstreamDomain: domain }: Profile): readonly string[] {
  return [`$JS.ACK.${stream}.>`, ...(domain === undefined ? [] : [`$JS.ACK.${domain}.*.${stream}.>`])];
}

function apiPrefixes({ profile, inDomain }: Reach): readonly string[] {
  const short = "$JS.API";
  const { jetstreamDomain } = profile;
  if (jetstreamDomain === undefined || inDomain === true) return [short];
  const long = `$JS.${jetstreamDomain}.API`;
  return inDomain === false ? [long] : [short, long];
}

function apiSubjects(reach: Reach, verbs: readonly string[]): readonly string[] {
  return apiPrefixes(reach).flatMap((api) => verbs.map((verb) => `${api}.${verb}`));
}

function inboxOf({ inboxPrefix }: Profile): string {
  return `${inboxPrefix}.>`;
}

function withoutCovered(subjects: readonly string[]): readonly string[] {
  const unique = [...new Set(subjects)];
  return unique.filter((subject) => !unique.some((other) => other !== subject && coversSubject(other, subject)));
}

import type { ConnectionConfig } from "./connection-config.js";
import type { TableConfig } from "./table-config.js";

/** Subjects a NATS user needs, for the `publish` and `subscribe` allow lists of its permissions. */
export interface Permissions {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
}

/**
 * What one source or sink needs of the server, and nothing more: everything it asks JetStream, what it publishes, and
 * its own replies below `inbox_prefix`. Pure: by the table alone, so acks are among it unless `consumer.ack_policy` is
 * `none`. A consumer's name begins with the pipeline's and holds its epoch, so it stays a wildcard. `deadLetter` is the
 * `dead_letter.subject` of `bad_data = 'dead_letter'`, whose stream is looked up.
 */
export function permissionsOf(
  profile: Pick<ConnectionConfig, "inboxPrefix" | "jetstreamDomain">,
  table: TableConfig,
  deadLetter?: string,
): Permissions {
  const api = profile.jetstreamDomain === undefined ? "$JS.API" : `$JS.${profile.jetstreamDomain}.API`;
  const inbox = `${profile.inboxPrefix}.>`;
  const letters = deadLetter === undefined ? [] : [deadLetter, `${api}.STREAM.NAMES`, `${api}.STREAM.INFO.*`];
  const needs = (publish: readonly string[], subscribe: readonly string[] = [inbox]): Permissions => ({
    publish: [...new Set([...publish, ...letters])],
    subscribe: letters.length === 0 ? subscribe : [...new Set([...subscribe, inbox])],
  });
  switch (table.type) {
    case "jetstream-source":
      return needs([
        `${api}.INFO`,
        `${api}.STREAM.INFO.${table.stream}`,
        `${api}.STREAM.MSG.GET.${table.stream}`,
        `${api}.CONSUMER.CREATE.${table.stream}.>`,
        `${api}.CONSUMER.INFO.${table.stream}.*`,
        `${api}.CONSUMER.NAMES.${table.stream}`,
        `${api}.CONSUMER.DELETE.${table.stream}.*`,
        `${api}.CONSUMER.MSG.NEXT.${table.stream}.*`,
        ...(table.ackPolicy === "none" ? [] : acksOf(table.stream, profile.jetstreamDomain)),
      ]);
    case "core-source":
      return needs([], [table.queueGroup === undefined ? table.subject : `${table.subject} ${table.queueGroup}`]);
    case "jetstream-sink":
      return needs([patternOf(table.subject), `${api}.STREAM.INFO.${table.stream}`]);
    case "core-sink":
      // Asked once, to warn of a stream that captures the subject.
      return needs([patternOf(table.subject), `${api}.STREAM.NAMES`]);
  }
}

/** Ack subjects are `$JS.ACK.<stream>.…`, and `$JS.ACK.<domain>.<account>.<stream>.…` with a domain (ADR-15). */
function acksOf(stream: string, domain: string | undefined): readonly string[] {
  return domain === undefined ? [`$JS.ACK.${stream}.>`] : [`$JS.ACK.${stream}.>`, `$JS.ACK.${domain}.*.${stream}.>`];
}

/** A template's subjects: each token with a `{column}` is a wildcard. */
function patternOf(template: string): string {
  return template.replaceAll(/[^.{}]*\{[^}]*\}[^.]*/g, "*");
}

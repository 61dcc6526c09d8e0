import { type ConnectionSchema, ConnectorError, isConnectorError } from "@x/connector-api";
import { parseRowTemplate } from "../sink/row-template.js";
import { subjectPattern, templateLiterals } from "../sink/subject-template.js";
import { readTargetStream } from "../sink/target-stream.js";
import type { CoreSinkTable, JetStreamSinkTable } from "../table-config.js";
import { type Probe, probePermissions } from "./permission-probe.js";
import type { TestStep } from "./run-steps.js";
import type { TestSession } from "./test-session.js";

/** Stands for the value of a column in the subject that is tried. */
const TOKEN = "connector-test";

/** What a sink needs. Nothing is published: see `probePermissions`. */
export function sinkSteps(
  session: TestSession,
  table: JetStreamSinkTable | CoreSinkTable,
  schema: ConnectionSchema | undefined,
): readonly TestStep[] {
  const { pattern, tried } = subjectsOf(table.subject, schema);
  const stream = table.type === "jetstream-sink" ? table.stream : undefined;
  const permissions: TestStep = {
    name: "permissions",
    doing: `trying to publish to "${pattern}"`,
    async run(signal) {
      const { link } = session;
      const inbox = link.newInbox();
      const publish: Probe[] = [{ subject: tried, shown: pattern }];
      if (stream !== undefined) publish.push({ subject: `${link.api.prefix}.STREAM.INFO.${stream}` });
      const subscribe = stream === undefined ? [] : [{ subject: inbox, shown: inbox.replace(/[^.]+$/, ">") }];
      return probePermissions(link, { publish, subscribe }, signal);
    },
  };
  if (stream === undefined) return [permissions, coreCapture(session, pattern)];
  return [
    {
      name: "stream",
      doing: `looking for stream "${stream}"`,
      async run(signal) {
        const { config } = await session.link.api.streamInfo(stream, signal);
        return `stream "${stream}" has the subjects ${config.subjects?.join(", ") ?? "of other streams"}`;
      },
    },
    permissions,
    {
      name: "captured",
      doing: `checking that stream "${stream}" captures "${pattern}"`,
      async run(signal) {
        await readTargetStream(session.link.api, stream, pattern, "subject", signal);
        return `stream "${stream}" captures "${pattern}"`;
      },
    },
  ];
}

/** A Core sink works with or without a stream on its subject; who has one wants to know. */
function coreCapture(session: TestSession, pattern: string): TestStep {
  return {
    name: "captured",
    doing: `looking for streams that capture "${pattern}"`,
    async run(signal) {
      const streams = await session.link.api.streamNames(pattern, signal).catch((error: unknown) => {
        if (isConnectorError(error) && error.code !== "ABORTED" && error.code !== "CONNECTION_LOST") return undefined;
        throw error;
      });
      if (streams === undefined) return "not known: no JetStream here, or no permission to ask it";
      if (streams.length === 0) return `no stream captures "${pattern}": messages go to whoever listens`;
      return `stream ${streams.map((name) => `"${name}"`).join(", ")} captures "${pattern}", but Core publishes into a stream can be dropped without a sign: give the option stream to have them acknowledged`;
    },
  };
}

/** The pattern of a template, and one subject of it. */
function subjectsOf(source: string, schema: ConnectionSchema | undefined): { pattern: string; tried: string } {
  const literals =
    schema === undefined ? templateLiterals(source) : parseRowTemplate("subject", source, schema).literals;
  if (literals.some((literal) => /[\s*>{}]/.test(literal))) {
    throw new ConnectorError("OPTION_INVALID", `subject: "${source}" is no subject to publish to`);
  }
  return { pattern: subjectPattern(literals), tried: literals.join(TOKEN) };
}

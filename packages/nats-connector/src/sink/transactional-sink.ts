import { ConnectorError, type SinkContext, type SinkOperator } from "@x/connector-api";
import { openExactlyOnce } from "../exactly-once/open-exactly-once.js";
import { checkProgressSubject, isProgressSubject } from "../exactly-once/progress-subject.js";
import type { JetStreamSinkTable } from "../table-config.js";
import { createSinkOperator, type SinkSettings } from "./sink-operator.js";
import { compileSubjectTemplate, type SubjectTemplate } from "./subject-template.js";

/**
 * A sink into one JetStream stream that writes each output exactly once: what it has written is kept in the same stream
 * together with how far the input is written, and a start continues there. `open` rejects with CAPABILITY_MISSING when
 * server and stream cannot do that, saying what would make it possible, and with OPTION_CONFLICT, before it connects,
 * when the input cannot be read again.
 */
export function createTransactionalSink(settings: SinkSettings<JetStreamSinkTable>): SinkOperator {
  const { table, schema } = settings;
  const subject = withoutProgress(compileSubjectTemplate(table.subject, schema));
  if (table.progressSubject !== undefined) checkProgressSubject(table.progressSubject);
  return createSinkOperator(settings, {
    subject,
    headers: { fixed: {}, templates: table.headers, lineage: table.lineage },
    check: ({ origin }: SinkContext) => {
      if (origin === undefined) throw notRepeatable();
    },
    async attach(link, context, encoder, patienceMs) {
      const { origin } = context;
      if (origin === undefined) throw notRepeatable();
      return openExactlyOnce({ link, table, subject: subject.pattern, context, origin, encoder, patienceMs });
    },
  });
}

/** Rows must not be able to pass for progress. */
function withoutProgress(template: SubjectTemplate): SubjectTemplate {
  if (template.constant) return template;
  return {
    ...template,
    subject(row) {
      const subject = template.subject(row);
      if (!isProgressSubject(subject)) return subject;
      const text = `subject: "${subject}" is kept for the progress of pipelines`;
      throw new ConnectorError("BAD_DATA", text, { context: { subject } });
    },
  };
}

function notRepeatable(): ConnectorError {
  return new ConnectorError(
    "OPTION_CONFLICT",
    "delivery = 'exactly_once' needs an input that can be read again from where the sink has stopped: read it from a JetStream stream in a pipeline; for Core subjects and rows of a program take 'at_least_once', with message_id",
    { context: { option: "delivery" } },
  );
}

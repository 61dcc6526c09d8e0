import { ConnectorError } from "@x/connector-api";
import { readCapabilities } from "../capabilities.js";
import type { Attached } from "../sink/sink-operator.js";
import { answerWithin, messageLimitOf, readSinkStream } from "../sink/target-stream.js";
import type { ExactlyOnceSetting } from "./exactly-once-setting.js";
import { openAtomic } from "./open-atomic.js";
import { openChain } from "./open-chain.js";
import { openFenced } from "./open-fenced.js";
import { type ExactlyOncePlan, planExactlyOnce } from "./plan-exactly-once.js";

/** Chooses the mode, claims every split of the source and reads where it stands. */
export async function openExactlyOnce(setting: ExactlyOnceSetting): Promise<Attached> {
  const { link, table, subject, context, origin, patienceMs } = setting;
  const ask = <T>(read: (signal: AbortSignal) => Promise<T>): Promise<T> =>
    answerWithin(patienceMs, context.signal, read);
  const { config, domain } = await ask((signal) => readSinkStream(link.api, table, subject, signal));
  const server = await ask((signal) => readCapabilities(link.api, link.client, signal));
  const { identity, deterministic } = context;
  const { pipeline } = identity;
  const { splits, outOf } = origin;
  const plan = planExactlyOnce({ table, pipeline, splits, outOf, stream: config, server, deterministic });
  if (plan.mode === undefined) throw impossible(table.stream, plan);
  const { mode, because, progress, notes } = plan;
  context.logger[mode === "fenced-msgid" ? "warn" : "info"](
    { stream: table.stream, mode, progress: [...progress.values()], notes },
    `exactly once: ${because}`,
  );
  const attached = await open[mode](setting, { config, domain, server, progress });
  const maxMessageBytes = messageLimitOf(config, subject);
  return maxMessageBytes === undefined ? attached : { ...attached, maxMessageBytes };
}

const open = { atomic: openAtomic, chain: openChain, "fenced-msgid": openFenced };

function impossible(
  stream: string,
  { reasons, remedies }: Extract<ExactlyOncePlan, { mode: undefined }>,
): ConnectorError {
  return new ConnectorError(
    "CAPABILITY_MISSING",
    `delivery = 'exactly_once' is not possible into stream "${stream}": ${reasons.join("; ")}. What would make it possible: ${remedies.join("; ")}`,
    { context: { stream, reasons, remedies } },
  );
}

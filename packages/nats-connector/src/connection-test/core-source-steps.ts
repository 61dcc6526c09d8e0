import { once } from "node:events";
import type { CoreSourceTable } from "../table-config.js";
import { flushed, probePermissions } from "./permission-probe.js";
import type { TestStep } from "./run-steps.js";
import type { SampleReader } from "./source-steps.js";
import type { TestSession } from "./test-session.js";

/** How long to listen for a message. A Core subject holds none. */
const LISTEN_MS = 1000;

/** What the source of a Core subject needs. The sample is heard beside the queue group: no member misses it. */
export function coreSourceSteps(
  session: TestSession,
  table: CoreSourceTable,
  readSample: SampleReader | undefined,
): readonly TestStep[] {
  const { subject, queueGroup: queue } = table;
  return [
    {
      name: "permissions",
      doing: `trying to subscribe to "${subject}"`,
      async run(signal) {
        await probePermissions(session.link, { publish: [], subscribe: [{ subject, queue }] }, signal);
        return `subscribing to "${subject}"${queue === undefined ? "" : ` in group "${queue}"`} is allowed`;
      },
    },
    {
      name: "sample",
      doing: `listening for ${LISTEN_MS} ms`,
      async run(signal) {
        if (readSample === undefined) return "not tried: format and columns are not known";
        const payload = await hear(session, subject, signal);
        if (payload === undefined) return `no message within ${LISTEN_MS} ms: nothing to decode`;
        return readSample(payload, `a message on "${subject}"`, signal);
      },
    },
  ];
}

async function hear({ link }: TestSession, subject: string, signal: AbortSignal): Promise<Uint8Array | undefined> {
  let payload: Uint8Array | undefined;
  const heard = new AbortController();
  const subscription = link.client.subscribe(subject, {
    callback: (error, message) => {
      if (error === null) payload ??= message.data.slice();
      heard.abort();
    },
  });
  try {
    await flushed(link, signal);
    const stop = AbortSignal.any([signal, heard.signal, AbortSignal.timeout(LISTEN_MS)]);
    if (!stop.aborted) await once(stop, "abort");
    return payload;
  } finally {
    if (!subscription.isClosed()) subscription.unsubscribe();
  }
}

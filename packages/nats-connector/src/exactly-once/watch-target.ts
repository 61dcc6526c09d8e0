import { StreamWatch, type StreamWatchOptions } from "../sink/stream-watch.js";
import { assertCaptures, readSinkStream } from "../sink/target-stream.js";
import type { ExactlyOnceSetting } from "./exactly-once-setting.js";

/** Rejects when the stream can no longer take outputs, or progress on the subject of a split. */
export async function checkTarget({ link, table, subject }: ExactlyOnceSetting, progress: string): Promise<void> {
  const { config } = await readSinkStream(link.api, table, subject);
  assertCaptures(config, progress, "exactly_once.progress_subject");
}

/** Looks at the stream of a split that nobody answers for. */
export function watchTarget(
  setting: ExactlyOnceSetting,
  progress: string,
  gone: StreamWatchOptions["gone"],
): StreamWatch {
  return new StreamWatch({ stream: setting.table.stream, checkStream: () => checkTarget(setting, progress), gone });
}

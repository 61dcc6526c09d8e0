import { buildShared } from "../build-pipelines.js";
import { withScript } from "../open-script.js";
import { openTelemetry } from "../open-telemetry.js";
import { parseRunFlags } from "../run-options.js";
import { startShared } from "../start-pipelines.js";
import { openStateStore } from "../state-store.js";
import { type FromWorker, type ToWorker, tellPipeline, tellSummary } from "./messages.js";
import { RemoteBoards } from "./remote-board.js";

/** The program of a worker: runs a member of every pipeline's group, as `start` says, until it is told to end. */

const TELL_MS = 250;

/** Resolves once it is on its way, or cannot be. */
const send = (message: FromWorker): Promise<void> =>
  new Promise((resolve) => {
    if (process.send === undefined || !process.connected) resolve();
    else process.send(message, undefined, undefined, () => resolve());
  });
const boards = new RemoteBoards((message) => void send(message));
const told = { drain: new AbortController(), stop: new AbortController() };

process.on("message", (message: ToWorker) => {
  if (message.type === "start") void work(message);
  else if (message.type === "board") boards.answered(message);
  else told[message.type].abort();
});
// Nobody is left to tell anything, nor to read the log.
process.stderr.on("error", () => {});
process.on("disconnect", () => {
  told.drain.abort();
  boards.close();
});
process.on("SIGTERM", () => told.drain.abort());
process.on("SIGINT", () => told.drain.abort());

async function work({ file, flags, board }: Extract<ToWorker, { type: "start" }>): Promise<void> {
  process.exitCode = await withScript(file, flags, process, async (script) => {
    const options = parseRunFlags(flags);
    const checkpoints = openStateStore(options.state, script.pipelines, script.logger);
    const telemetry = await openTelemetry(script.logger);
    const settings = { options, checkpoints, tracer: telemetry?.tracer, logger: script.logger };
    const pipelines = startShared(
      buildShared(script.pipelines),
      settings,
      board ? (name) => boards.of(name) : undefined,
    );
    const endObserving = telemetry?.observe(() => pipelines);
    const tell = (): Promise<void> => send({ type: "told", pipelines: pipelines.map(tellPipeline) });
    const timer = setInterval(() => void tell(), TELL_MS);
    const on = (signal: AbortSignal, act: () => void): void => {
      if (signal.aborted) act();
      else signal.addEventListener("abort", act, { once: true });
    };
    on(told.drain.signal, () => pipelines.forEach((pipeline) => void pipeline.drain()));
    on(told.stop.signal, () => pipelines.forEach((pipeline) => void pipeline.stop()));
    try {
      const summaries = await Promise.all(pipelines.map(({ finished }) => finished));
      await telemetry?.flush();
      endObserving?.();
      await tell();
      await send({ type: "ended", summaries: summaries.map(tellSummary) });
      return Math.max(...summaries.map(({ exitCode }) => exitCode));
    } finally {
      clearInterval(timer);
      await checkpoints.close();
    }
  });
  if (process.connected) process.disconnect();
}

import { type OpenEntrant, partitions } from "../contest/entrant.js";
import { startEntrant } from "../contest/entrant-runner.js";

/** The pipeline in several processes at once, each with its share of the partitions; a turn ends when all are done. */
export const ourProcesses: OpenEntrant = async ({ processes = 1, ...job }) => {
  const starting = Array.from({ length: processes }, (_, i) => {
    const filter = partitions.filter((_, at) => at % processes === i).join(",");
    return startEntrant({ ...job, entrant: "ours pipeline", filter }, `process ${i + 1} of ${processes}`, undefined);
  });
  const running = await Promise.all(starting);
  return {
    prepare: async (turn) => async () => {
      const startedAt = performance.now();
      const timings = await Promise.all(running.map((one) => one.turn(turn)));
      return {
        ms: performance.now() - startedAt,
        cpuMs: timings.reduce((sum, { cpuMs }) => sum + cpuMs, 0),
      };
    },
    close: async () => void (await Promise.all(running.map((one) => one.close()))),
  };
};

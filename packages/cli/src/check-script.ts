import { buildPipelines } from "./build-pipelines.js";
import { judgePipeline } from "./judge-pipeline.js";
import { withScript } from "./open-script.js";
import type { Output } from "./output.js";
import { readPlans } from "./read-plans.js";
import { renderJudgements } from "./render/findings.js";
import { styleOf } from "./render/style.js";
import { durationFlag, type ScriptFlags } from "./script-flags.js";

export interface CheckFlags extends ScriptFlags {
  readonly state: string;
  readonly checkpointInterval: string;
  readonly recoveryTime: string;
}

/** `nats-pipeline check`: judges every pipeline of a file; exit code 2 when a promise cannot hold. */
export function checkScript(file: string, flags: CheckFlags, output: Output): Promise<number> {
  return withScript(file, flags, output, async (script) => {
    // What cannot even be made is an error with its place, not a finding.
    buildPipelines(script.pipelines, { stdout: output.stdout, onStdoutClosed: () => {} });
    const plans = await readPlans(script.pipelines, {
      state: flags.state,
      checkpointIntervalMs: durationFlag("--checkpoint-interval", flags.checkpointInterval),
      recoveryMs: durationFlag("--recovery-time", flags.recoveryTime),
      logger: script.logger,
    });
    const judgements = await Promise.all(plans.map((plan) => judgePipeline(plan, plans)));
    const holds = judgements.every((each) => each.holds);
    if (flags.json === true) {
      output.stdout.write(`${JSON.stringify({ event: "check", holds, pipelines: judgements })}\n`);
    } else output.stdout.write(renderJudgements(judgements, styleOf(output.stdout)));
    return holds ? 0 : 2;
  });
}

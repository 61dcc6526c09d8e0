import { consumerRules } from "./consumer-rules.js";
import { deadLetterRules } from "./dead-letter-rules.js";
import { exactlyOnceRules } from "./exactly-once-rules.js";
import { positionRules } from "./position-rules.js";
import type { Rule } from "./rule.js";
import { sinkRules } from "./sink-rules.js";
import { systemRules } from "./system-rules.js";

/** THE list of rules. A new rule is one entry in a list of its room, and a row in docs/preflight.md. */
export const rules: readonly Rule[] = [
  ...positionRules,
  ...consumerRules,
  ...sinkRules,
  ...exactlyOnceRules,
  ...deadLetterRules,
  ...systemRules,
];

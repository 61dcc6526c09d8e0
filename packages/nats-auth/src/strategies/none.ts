import type { AuthStrategy } from "../auth-strategy.js";
import { storedFields } from "../secret-source.js";

export interface NoneConfig {
  readonly type: "none";
}

/** Sends no credentials. */
export const none: AuthStrategy<NoneConfig> = {
  type: "none",
  optionNames: [],
  fromOptions: () => ({ type: "none" }),
  matchesUntagged: (fields) => Object.keys(fields).length === 0,
  parse(stored) {
    storedFields(stored, "none", none.optionNames);
    return { type: "none" };
  },
  open: async () => () => undefined,
};

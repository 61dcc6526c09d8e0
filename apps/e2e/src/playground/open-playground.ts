import { openContainerPlayground } from "./containers.js";
import type { Playground, PlaygroundOptions } from "./playground.js";
import { openProcessPlayground } from "./processes.js";

/** Where a playground is: `E2E_ON` says `containers` or `processes`, which is the default. */
export function openPlayground(options: PlaygroundOptions = {}): Promise<Playground> {
  const where = process.env.E2E_ON ?? "processes";
  if (where === "containers") return openContainerPlayground(options);
  if (where === "processes") return openProcessPlayground(options);
  throw new TypeError(`E2E_ON is "${where}", expected containers or processes`);
}

import type { Job } from "./entrant.js";

/** What an entrant's process answers to one request. */
export type Answer =
  | { readonly kind: "ready" }
  | { readonly kind: "done"; readonly ms: number; readonly cpuMs: number }
  | { readonly kind: "memory"; readonly bytes: number }
  | { readonly kind: "failed"; readonly message: string };

/** What an entrant's process is asked, one at a time; memory also while a turn goes on. */
export type Request =
  | { readonly kind: "open"; readonly job: Job }
  | { readonly kind: "turn"; readonly turn: number }
  | { readonly kind: "memory" };

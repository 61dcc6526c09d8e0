import { setTimeout as sleep } from "node:timers/promises";

const POLL_MS = 5;

/** Waits until something holds; rejects saying what did not within the time. */
export async function eventually(
  what: string,
  holds: () => boolean | Promise<boolean>,
  timeoutMs = 10_000,
): Promise<void> {
  for (const deadline = Date.now() + timeoutMs; !(await holds()); await sleep(POLL_MS)) {
    if (Date.now() > deadline) throw new Error(`${what}: still not after ${timeoutMs} ms`);
  }
}

/** The value, or a rejection saying what took too long. */
export async function within<T>(what: string, promise: Promise<T>, timeoutMs = 10_000): Promise<T> {
  const timer = new AbortController();
  const late = sleep(timeoutMs, undefined, { signal: timer.signal }).then(() => {
    throw new Error(`${what}: still not after ${timeoutMs} ms`);
  });
  late.catch(() => {});
  try {
    return await Promise.race([promise, late]);
  } finally {
    timer.abort();
  }
}

/** Calls `first` on the first SIGINT or SIGTERM and `second` on the second. Returns the function that stops listening. */
export function onStopSignals(handlers: { first: () => void; second: () => void }): () => void {
  let seen = 0;
  const onSignal = (): void => {
    seen += 1;
    if (seen === 1) handlers.first();
    else if (seen === 2) handlers.second();
  };
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
  return () => {
    process.off("SIGINT", onSignal);
    process.off("SIGTERM", onSignal);
  };
}

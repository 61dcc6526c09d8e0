// What the image's HEALTHCHECK runs. With `run --http …:9464` it is the pipeline's own word; without it a running
// process is all there is to know, and Docker knows that itself.
try {
  const response = await fetch("http://127.0.0.1:9464/healthz", { signal: AbortSignal.timeout(2_000) });
  process.exitCode = response.ok ? 0 : 1;
} catch (error) {
  process.exitCode = error.cause?.code === "ECONNREFUSED" ? 0 : 1;
}

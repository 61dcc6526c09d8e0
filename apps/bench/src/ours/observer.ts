/**
 * A whole program, in a process of its own so that what it costs is not taken for the pipeline's: asks for the metrics
 * at an address ten times a second, as long as its parent lives.
 */
const SCRAPE_MS = 100;
const [, , address] = process.argv;

setInterval(() => {
  fetch(`http://${address}/metrics`)
    .then((answer) => answer.text())
    // Not up yet, or already down.
    .catch(() => {});
}, SCRAPE_MS);
process.on("disconnect", () => process.exit(0));

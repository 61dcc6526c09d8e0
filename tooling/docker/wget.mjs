#!/usr/bin/env node
// Stands in for the `wget` of the image nats:alpine, whose health check it is in docker/compose.yaml.
const response = await fetch(process.argv.at(-1) ?? "");
process.exitCode = response.ok ? 0 : 1;

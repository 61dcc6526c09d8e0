import { obtainNatsServer } from "../../../tooling/nats-server/obtain-nats-server.mjs";
import { openCluster } from "../src/chaos-place.js";
import { atomic, chain } from "../src/chaos-setups.js";
import { describeChaos } from "../src/describe-chaos.js";

// A file of its own: it runs beside those with one server.
describeChaos("three nodes, atomic", atomic, () => openCluster());
describeChaos("three nodes, chain", chain, () => openCluster());
describeChaos("three nodes 2.10, chain", chain, async () =>
  openCluster((await obtainNatsServer({ series: "2.10" })).path),
);

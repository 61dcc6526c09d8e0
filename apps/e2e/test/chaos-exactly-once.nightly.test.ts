import { obtainNatsServer } from "../../../tooling/nats-server/obtain-nats-server.mjs";
import { chain, describeChaos, filtered, openCluster } from "../src/describe-chaos.js";

describeChaos("three nodes, chain", chain, () => openCluster());
describeChaos("three nodes 2.10, chain", chain, async () =>
  openCluster((await obtainNatsServer({ series: "2.10" })).path),
);
describeChaos("three nodes, atomic, with a filter and many subjects", filtered, () => openCluster());

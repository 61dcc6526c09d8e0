import { openCluster } from "../src/chaos-place.js";
import {
  avroToProtobuf,
  fanOut,
  fanOutByChain,
  fanOutDrawn,
  fanOutDrawnByChain,
  filtered,
} from "../src/chaos-setups.js";
import { describeChaos } from "../src/describe-chaos.js";

describeChaos("three nodes, atomic, with a filter and many subjects", filtered, () => openCluster());
describeChaos("three nodes, atomic, from Avro to Protobuf", avroToProtobuf, () => openCluster());
describeChaos("three nodes, atomic, several rows of one", fanOut, () => openCluster());
describeChaos("three nodes, atomic, several rows of one that differ each time", fanOutDrawn, () => openCluster());
describeChaos("three nodes, chain, several rows of one", fanOutByChain, () => openCluster());
describeChaos("three nodes, chain, several rows of one that differ each time", fanOutDrawnByChain, () => openCluster());

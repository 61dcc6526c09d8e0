// For implementors: the laws of each seam as a suite. Needs vitest.
export type { CheckpointStoreTraits } from "./describe-checkpoint-store.js";
export { describeCheckpointStore } from "./describe-checkpoint-store.js";
export type { ConnectorFixture } from "./describe-connector.js";
export { describeConnector } from "./describe-connector.js";
export type { FormatFixture } from "./describe-format.js";
export { describeFormat } from "./describe-format.js";
export type { Random } from "./random.js";
export { createRandom } from "./random.js";

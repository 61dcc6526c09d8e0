// For implementors: the laws of each seam as a suite. Needs vitest.
export type { ConnectorFixture, SinkEnvironment, SourceEnvironment, TableFixture } from "./connector-fixture.js";
export type { CheckpointStoreTraits } from "./describe-checkpoint-store.js";
export { describeCheckpointStore } from "./describe-checkpoint-store.js";
export { describeConnector } from "./describe-connector.js";
export type { FormatFixture } from "./describe-format.js";
export { describeFormat } from "./describe-format.js";
export type { Random } from "./random.js";
export { createRandom } from "./random.js";
export type { SuiteRow } from "./suite-rows.js";
export { suiteRows, suiteSchema } from "./suite-rows.js";

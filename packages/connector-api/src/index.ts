// For users: declare schemas, read rows, keep checkpoints, handle errors.

export type { Column, ConnectionSchema, SqlType } from "./connection-schema.js";
export { physicalSchema } from "./connection-schema.js";
export type { InferColumn, InferRow } from "./define-schema.js";
export { defineSchema } from "./define-schema.js";
export type { ConnectorErrorOptions, ErrorCode, ExitCode, Retry, SourcePlace } from "./errors.js";
export { ConnectorError, errorCodes, isConnectorError, toConnectorError } from "./errors.js";
export { jsonSchemaOf, sqlTypeKeyword } from "./json-schema-of.js";
export type { Logger } from "./logger.js";
export { silentLogger } from "./logger.js";
export { memoryCheckpoints } from "./memory-checkpoint-store.js";
export type { RecordBatch, SourcePosition } from "./record-batch.js";
export type { JsonObject, JsonValue, Row, RowValue } from "./row.js";
export { schemaFromJsonSchema } from "./schema-from-json-schema.js";
export { isSecret, Secret } from "./secret.js";

// For implementors: write a connector, a format, an auth strategy or a host.

export { abortable } from "./abortable.js";
export type { BadDataConfig } from "./bad-data.js";
export { badDataFromOptions, badDataOptions, failOnBadData, parseBadData } from "./bad-data.js";
export { compareCheckpoints, createJobId, parseCheckpoint } from "./checkpoint-record.js";
export type { Checkpoint, CheckpointRef, CheckpointStore, EpochHolder } from "./checkpoint-store.js";
export type {
  Autocomplete,
  Connection,
  Connector,
  ConnectorMetadata,
  ConstructedOperator,
  MetadataColumn,
  SourceCapabilities,
  StateOptions,
  TableType,
  TestMessage,
} from "./connector.js";
export type { ConnectorOptionsContext } from "./connector-options.js";
export { ConnectorOptions } from "./connector-options.js";
export type { CollectorOptions } from "./create-source-collector.js";
export { createSourceCollector } from "./create-source-collector.js";
export type { DeadLetter, DeadLetterBox, LetterOrigin, Redriven, RedriveOptions } from "./dead-letter-box.js";
export type { DeadLetters, RefusedInput, RefusedOutput, RefusedPayload, RefusedRow } from "./dead-letters.js";
export { refusedRow } from "./dead-letters.js";
export { didYouMean, nearestOf } from "./did-you-mean.js";
export { exactIntegerOf, maxJsonDepth, parseExactJson, printJson } from "./exact-json.js";
export type { Decoder, Encoder, Format, FormatContext } from "./format.js";
export type { Framing, FramingConfig } from "./framing.js";
export { createNewlineFraming, framingFromOptions, framingOptions, parseFraming } from "./framing.js";
export type { BoardEntry, GroupBoard } from "./group-board.js";
export { memoryBoard } from "./group-board.js";
export type { Incarnation } from "./incarnation.js";
export { assertNewest, createInstanceId, openIncarnation } from "./incarnation.js";
export { kindOf } from "./kind-of.js";
export type {
  Barrier,
  SinkOperator,
  SinkStart,
  SourceFinish,
  SourceOperator,
  SourceSnapshot,
} from "./operator.js";
export type { FormatConfig, MetadataField, OperatorConfig, RateLimitConfig } from "./operator-config.js";
export { parseOperatorConfig } from "./operator-config.js";
export type {
  Identity,
  OperatorContext,
  OperatorCounters,
  OperatorEvent,
  SinkContext,
  SourceContext,
  SourceOrigin,
  SplitState,
} from "./operator-context.js";
export { createCounters } from "./operator-context.js";
export type { OptionEntry } from "./option-entry.js";
export type {
  CreatedPart,
  Explanation,
  Finding,
  InputPlace,
  MovedSplit,
  PipelinePlan,
  Preflight,
  ReplayRange,
  Severity,
  TablePlan,
} from "./pipeline-plan.js";
export { parseBytes, parseDuration, printBytes, printDuration } from "./quantity.js";
export type { RateClock, RateLimit } from "./rate-limit.js";
export { createRateLimit } from "./rate-limit.js";
export { compileRowChecker } from "./row-checker.js";
export type { SinkEncoder } from "./sink-encoder.js";
export { createSinkEncoder } from "./sink-encoder.js";
export type {
  Deserialization,
  Downstream,
  MetadataReader,
  SourceCollector,
  SplitCollector,
} from "./source-collector.js";
export { parseColumn, parseSqlType, printSqlType } from "./sql-type.js";
export type { TraceContext } from "./trace-context.js";
export { parseTracestate } from "./trace-context.js";
export type { Transform } from "./transform.js";
export type { Environment, VarString, VarStringOrigin } from "./var-string.js";
export { parseVarString, resolveVars, variablesOf } from "./var-string.js";

import { ConnectorError, type SourcePosition } from "@x/connector-api";
import type { OpenConnection } from "../connection.js";
import type { StreamConfig } from "../jetstream/api.js";
import type { Claim, ProgressPlace } from "./progress-log.js";
import { encodeProgress, type Staged } from "./progress-record.js";
import { cutBytes, decodeOutputs, encodeOutputs, type StagedOutput } from "./stage-codec.js";
import { assertRoom } from "./stage-limits.js";

const MAX_CHUNK_BYTES = 1024 * 1024;
/** Header lines of a message on the progress subject, beside the name of the stream. */
const HEADER_BYTES = 600;
/** Below that a stage would be all headers. */
const MIN_CHUNK_BYTES = 64;

/** What a stream has room for. */
export interface StageRoom {
  /** Bytes of outputs in one message. */
  readonly chunkBytes: number;
  /** Throws CAPABILITY_MISSING when the progress subject cannot keep so many messages. */
  assertRecords(records: number, input: number): void;
}

/** The outputs of one input that are kept on the progress subject before the first of them is published. */
export class Stage {
  readonly position: SourcePosition;
  readonly outputs: readonly StagedOutput[];
  /** What its messages hold; empty for a stage that was found in the stream. */
  readonly pieces: readonly Uint8Array[];
  /** Sequence of its first message. */
  first: number | undefined;
  readonly #facts: Pick<Staged, "input" | "position" | "chunks" | "records" | "claims">;

  private constructor(staged: Omit<Staged, "written" | "shown">, bytes: Uint8Array, pieces: readonly Uint8Array[]) {
    const { first, ...facts } = staged;
    this.position = staged.position;
    this.outputs = decodeOutputs(bytes);
    this.pieces = pieces;
    this.first = first;
    this.#facts = facts;
  }

  /** `parts`: how many commits bring its outputs in. Throws CAPABILITY_MISSING where the stream has no room for it. */
  static create(
    { input, position }: Pick<Staged, "input" | "position">,
    outputs: readonly StagedOutput[],
    parts: number,
    room: StageRoom,
  ): Stage {
    const bytes = encodeOutputs(outputs);
    const pieces = cutBytes(bytes, room.chunkBytes);
    // The last part ends it.
    const records = pieces.length + parts - 1;
    room.assertRecords(records, input);
    return new Stage({ input, position, chunks: pieces.length, records, claims: 0 }, bytes, pieces);
  }

  /** A stage that is in the stream. */
  static found(staged: Staged, bytes: Uint8Array): Stage {
    return new Stage(staged, bytes, []);
  }

  /** What progress says of it when so many of its messages are written and so many of its outputs published. */
  at(written: number, shown: number): Staged {
    return { ...this.#facts, first: this.first, written, shown };
  }
}

/** How a stream's limits bound a stage. Throws CAPABILITY_MISSING when its messages are too small for any. */
export function roomForStage(
  link: OpenConnection,
  place: ProgressPlace,
  config: StreamConfig,
  claim: Claim,
): StageRoom {
  const { max_msg_size: maxSize = -1, max_msgs_per_subject: perSubject = -1 } = config;
  const maxPayload = link.client.info?.max_payload ?? MAX_CHUNK_BYTES;
  const maxBytes = Math.min(MAX_CHUNK_BYTES, maxPayload, maxSize > 0 ? maxSize : maxPayload);
  const most = Number.MAX_SAFE_INTEGER;
  const { position } = claim.progress;
  const numbers = { first: most, chunks: most, written: most, shown: most, records: most, claims: most };
  const staged = { input: most, position, ...numbers };
  const record = encodeProgress({ ...claim.record, commit: most, checkpoint: most, staged });
  // Positions may grow by some digits.
  const chunkBytes = maxBytes - HEADER_BYTES - place.stream.length - place.subject.length - record.length;
  return {
    chunkBytes,
    assertRecords(records, input) {
      if (chunkBytes < MIN_CHUNK_BYTES) throw tooSmall(place, maxBytes, input);
      if (perSubject > 0) assertRoom(place, config, records, input);
    },
  };
}

function tooSmall({ stream, subject }: ProgressPlace, maxBytes: number, input: number): ConnectorError {
  return new ConnectorError(
    "CAPABILITY_MISSING",
    `the outputs of input ${input} have to be staged on "${subject}", and messages of ${maxBytes} bytes leave no room there: raise max_msg_size of stream "${stream}", make the transform deterministic, or let one input give fewer rows`,
    { context: { stream, subject, sequence: input, maxBytes } },
  );
}

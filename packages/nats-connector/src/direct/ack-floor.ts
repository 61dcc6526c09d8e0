import { createHash } from "node:crypto";
import { ConnectorError, createInstanceId, type Incarnation, type Logger, type SourceSnapshot } from "@x/connector-api";
import { readCapabilities } from "../capabilities.js";
import type { OpenConnection } from "../connection.js";
import type { ConsumerInfo, StreamInfo } from "../jetstream/api.js";
import { parseConsumerName } from "../jetstream/consumer-name.js";
import { encodeRecord, noGaps } from "../jetstream/state-record.js";
import { resolveAckMode } from "../source/resolve-ack-mode.js";
import { resolveSplits } from "../source/splits.js";
import type { JetStreamSourceTable } from "../table-config.js";

/**
 * The position of a source without a checkpoint store: what its durable consumers have acked. An incarnation is a set of
 * consumers with an epoch in their names, so nothing else is kept anywhere.
 */
export interface AckFloor {
  readonly incarnation: Incarnation;
  /** The acks that make the floor a position: each message on a work queue, and where one ack for all is unsound. */
  readonly ackPolicy: "all" | "explicit";
  /** Releases its hold of the connection. */
  close(): Promise<void>;
}

export interface AckFloorRequest {
  readonly link: OpenConnection;
  readonly table: JetStreamSourceTable;
  readonly pipeline: string;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  /** Where a first start was resolved to; it wins over what was acked. */
  readonly pinned?: SourceSnapshot | undefined;
}

interface Own {
  readonly name: string;
  readonly split: string;
  readonly epoch: number;
  readonly instanceId: string;
}

/**
 * Takes the epoch behind the newest one. Two starts at the same moment may take the same one: then the greater instance
 * counts as the newer, so that one of them goes on and none is lost. Rejects with STREAM_NOT_FOUND and the like.
 */
export async function openAckFloor(request: AckFloorRequest): Promise<AckFloor> {
  const { link, table, pipeline, signal, pinned } = request;
  const { api } = link;
  const stream = await api.streamInfo(table.stream, signal);
  const ackPolicy = await ackPolicyOf(request, stream);
  // Not random as elsewhere: the name is all that a later start knows.
  const jobId = `n${createHash("sha256").update(pipeline).digest("hex").slice(0, 11)}`;
  const own = async (): Promise<readonly Own[]> =>
    (await api.consumerNames(table.stream, signal)).flatMap((name) => parseConsumerName(name, jobId) ?? []);
  const earlier = await own();
  const epoch = earlier.reduce((max, each) => Math.max(max, each.epoch), 0) + 1;
  const identity = { pipeline, jobId, epoch, instanceId: createInstanceId() };
  const isNewer = (other: Own): boolean =>
    other.epoch > epoch || (other.epoch === epoch && other.instanceId > identity.instanceId);

  const assertCurrent = async (): Promise<void> => {
    const newer = (await own()).find(isNewer);
    if (newer === undefined) return;
    throw new ConnectorError(
      "FENCED",
      `"${pipeline}" was taken over: instance ${newer.instanceId} reads stream "${table.stream}" under epoch ${newer.epoch}, this one (${identity.instanceId}) had ${epoch}`,
      { context: { pipeline, epoch, newerEpoch: newer.epoch, newerInstance: newer.instanceId } },
    );
  };
  const restored = pinned ?? (await readFloors(request, stream, earlier, ackPolicy));

  return {
    ackPolicy,
    incarnation: {
      identity,
      restored: restored.size === 0 ? undefined : restored,
      assertCurrent,
      /** The consumers are the record: all there is to do is to end rivals that took the same epoch. */
      async save() {
        await assertCurrent();
        for (const other of await own()) {
          const rival = other.epoch === epoch && other.instanceId < identity.instanceId;
          if (rival) await api.deleteConsumer(table.stream, other.name, signal);
        }
      },
    },
    close: () => link.close(),
  };
}

async function ackPolicyOf({ link, table, signal }: AckFloorRequest, stream: StreamInfo): Promise<"all" | "explicit"> {
  const capabilities = await readCapabilities(link.api, link.client, signal, stream);
  if (table.ackPolicy === "none") {
    throw new ConnectorError(
      "OPTION_CONFLICT",
      `consumer.ackPolicy "none" leaves no trace of what was read: pass "checkpoints", or leave it out`,
    );
  }
  const { retention } = stream.config;
  const asked = table.ackPolicy === "auto" && retention === "limits" ? "all" : table.ackPolicy;
  return resolveAckMode({ ...table, ackPolicy: asked }, stream, capabilities) === "all" ? "all" : "explicit";
}

/** Per split how far it was acked; nothing where a start begins as the first one did. */
async function readFloors(
  { link, table, logger, signal }: AckFloorRequest,
  stream: StreamInfo,
  earlier: readonly Own[],
  ackMode: "all" | "explicit",
): Promise<SourceSnapshot> {
  const floors = new Map<string, { readonly floor: number; readonly consumer: Own }>();
  // A work queue holds exactly what is not acked.
  for (const consumer of stream.config.retention === "workqueue" ? [] : earlier) {
    const info = await link.api.consumerInfo(table.stream, consumer.name, signal);
    const floor = info && floorOf(info);
    if (floor !== undefined && floor >= (floors.get(consumer.split)?.floor ?? 0)) {
      floors.set(consumer.split, { floor, consumer });
    }
  }
  return new Map(
    resolveSplits(table, stream).flatMap(({ name: split, cut, filters }) => {
      const known = floors.get(split);
      if (known === undefined) return [];
      const { floor, consumer } = known;
      const lastSeq = passOver(stream, floor, logger);
      const position = { lastSeq, lastTs: undefined, scannedSeq: lastSeq, initialUntil: undefined, consumerSeq: 0 };
      const { created } = stream;
      const about = { stream: table.stream, domain: link.domain, created, split, cut, filters, gaps: noGaps };
      const by = { epoch: consumer.epoch, consumer: consumer.name, ackMode };
      return [[split, encodeRecord({ ...about, ...position, ...by })] as const];
    }),
  );
}

/**
 * Before the first ack a server up to 2.10 reports no floor; the consumer's own start is it then. One that begins with
 * everything is made again in the same way, whatever the stream holds by then.
 */
function floorOf({ ack_floor, delivered, config }: ConsumerInfo): number | undefined {
  if (ack_floor.consumer_seq > 0) return ack_floor.stream_seq;
  if (config.deliver_policy === "all") return undefined;
  if (config.opt_start_seq !== undefined) return config.opt_start_seq - 1;
  return delivered.consumer_seq === 0 ? delivered.stream_seq : ack_floor.stream_seq;
}

/**
 * An interest stream removes what is acked at once, and a server that is killed may forget the last acks: what is
 * missing behind the floor was acked then, unless the stream's limits or a purge took it.
 */
function passOver({ config, state }: StreamInfo, floor: number, logger: Logger): number {
  if (config.retention !== "interest" || state.first_seq <= floor + 1) return floor;
  const range = { from: floor + 1, to: state.first_seq - 1 };
  logger.warn(range, "messages behind the last ack are gone: acked before the server forgot it, or removed unread");
  return state.first_seq - 1;
}

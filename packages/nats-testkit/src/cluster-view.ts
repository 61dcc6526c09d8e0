import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { type Access, AccessRefused, type Address, askServer, type ClientTls, type Login } from "./ask-server.js";
import { findGroup, isHealthy, readClientNames, readJetStream } from "./cluster-monitor.js";

/** A node of a cluster, wherever it runs: a process, a container, another machine. */
export interface ClusterMember {
  /** Its `server_name`. */
  readonly name: string;
  /** Where clients connect. */
  readonly client: Address;
  /** Its monitoring port (`http`). */
  readonly monitor: Address;
  /** Whether it runs and the others can reach it. Only such nodes are asked, and only they can lead. */
  isReachable(): boolean;
  /** The end of its log, for the message of an error. */
  log(): string;
}

export interface ClusterViewOptions {
  /** What the view's own requests say in CONNECT where the servers ask for credentials, such as `{ user, pass }`. */
  login?: Login;
  /** How the view's own requests speak TLS where the servers want it, such as `{ ca }`. */
  tls?: ClientTls;
}

/** What a cluster says about itself. */
export interface ClusterView<Member extends ClusterMember> {
  /**
   * The node that leads a stream, or one of its consumers, by its own word. Waits through an election; rejects when
   * there is none within a minute. A node that cannot be reached leads nothing.
   */
  leaderOf(stream: string, consumer?: string): Promise<Member>;
  /** Makes the leader give up the lead; resolves with the new one, which is another node. Needs a second replica. */
  stepDown(stream: string, consumer?: string): Promise<Member>;
  /** The node that a client with this connection name is connected to; undefined when it is to none. */
  nodeOfClient(name: string): Promise<Member | undefined>;
  /**
   * Resolves when the reachable nodes have elected a meta leader, which sees each of them as current, and every stream
   * and consumer of theirs has recovered and caught up, and a new stream finds room on them. Rejects when that takes
   * longer than a minute.
   */
  whenCurrent(withinMs?: number): Promise<void>;
}

const PATIENCE_MS = 60_000;
const POLL_MS = 50;
/** After so long with the same leader it was elected once more. */
const ASK_AGAIN_MS = 3_000;
/** More copies of a stream no server makes. */
const MAX_REPLICAS = 5;

/** Looks at a cluster through its monitoring ports, whatever its accounts. */
export function createClusterView<Member extends ClusterMember>(
  members: readonly Member[],
  access: ClusterViewOptions = {},
): ClusterView<Member> {
  /** The same each time: what a lost answer leaves behind is found again, and removed. */
  const trial = `testkit-${randomBytes(4).toString("hex")}`;
  const reachable = (): Member[] => members.filter((member) => member.isReachable());

  const findLeader = async (stream: string, consumer?: string): Promise<Leader<Member> | undefined> => {
    for (const member of reachable()) {
      const group = findGroup(await readJetStream(member.monitor), stream, consumer);
      if (group?.leader === member.name) return { member, replicas: group.replicas?.length ?? 0 };
    }
    return undefined;
  };
  const isCurrent = async (): Promise<boolean> => {
    const up = reachable();
    const names = up.map(({ name }) => name);
    const reports = await Promise.all(up.map(({ monitor }) => readJetStream(monitor)));
    const leaderAt = reports.findIndex((report, i) => report?.meta_cluster?.leader === names[i]);
    const meta = reports[leaderAt]?.meta_cluster;
    if (meta?.cluster_size !== members.length) return false;
    const peers = meta.replicas?.filter((peer) => names.includes(peer.name)) ?? [];
    if (peers.length !== names.length - 1 || peers.some(({ current, offline }) => !current || offline)) return false;
    const healthy = await Promise.all(up.map(({ monitor }) => isHealthy(monitor)));
    const leader = up[leaderAt];
    return leader !== undefined && healthy.every(Boolean) && canPlace(leader.client, trial, up.length, access);
  };

  return {
    async leaderOf(stream, consumer) {
      const what = `a leader of ${describeAsset(stream, consumer)}`;
      return (await until(what, () => findLeader(stream, consumer))).member;
    },
    async stepDown(stream, consumer) {
      const [kind, path] = consumer === undefined ? ["STREAM", stream] : ["CONSUMER", `${stream}.${consumer}`];
      const api = `$JS.API.${kind}.LEADER.STEPDOWN.${path}`;
      let asked: { member: Member; at: number } | undefined;
      return until(`another leader of ${describeAsset(stream, consumer)}`, async () => {
        const leader = await findLeader(stream, consumer);
        if (leader === undefined) return undefined;
        const { member, replicas } = leader;
        if (replicas === 0) throw new Error(`${describeAsset(stream, consumer)} has one replica: no other can lead`);
        if (asked !== undefined && member !== asked.member) return member;
        // One that was elected again, as others lagged behind, is asked again.
        if (asked === undefined || Date.now() - asked.at > ASK_AGAIN_MS) {
          asked = { member, at: Date.now() };
          // No answer may come from the middle of an election: who leads then is looked at, and asked if need be.
          const answer = await askServer(member.client, api, "", access).catch((error: unknown) => {
            if (error instanceof AccessRefused) throw error;
            return "{}";
          });
          const { error } = JSON.parse(answer) as ApiAnswer;
          if (error) throw new Error(`${api}: ${error.description}`);
        }
        return undefined;
      });
    },
    async nodeOfClient(name) {
      for (const member of reachable()) if ((await readClientNames(member.monitor)).includes(name)) return member;
      return undefined;
    },
    async whenCurrent(withinMs = PATIENCE_MS) {
      await until("all reachable nodes to be current", async () => (await isCurrent()) || undefined, withinMs);
    },
  };

  /** Polls. The error holds the logs, as nothing else says why a cluster does not come together. */
  async function until<Found>(
    what: string,
    look: () => Promise<Found | undefined>,
    withinMs = PATIENCE_MS,
  ): Promise<Found> {
    const deadline = Date.now() + withinMs;
    do {
      const found = await look();
      if (found !== undefined) return found;
      await sleep(POLL_MS);
    } while (Date.now() < deadline);
    const logs = members.map((member) => {
      return `${member.name}${member.isReachable() ? "" : " (not reachable)"}:\n${member.log().slice(-2_000)}`;
    });
    throw new Error(`waited ${withinMs} ms for ${what}\n${logs.join("\n")}`);
  }
}

interface Leader<Member> {
  readonly member: Member;
  /** Copies beside the leader's own. */
  readonly replicas: number;
}

interface ApiAnswer {
  readonly error?: { readonly description: string };
}

/**
 * Whether a stream can be placed on so many nodes. Nothing else tells: a peer is current before the leader has heard of
 * its resources. Whoever may not ask cannot tell, and takes it for so.
 */
async function canPlace(leader: Address, name: string, nodes: number, access: Access): Promise<boolean> {
  const config = { name, subjects: [name], num_replicas: Math.min(nodes, MAX_REPLICAS), storage: "memory" };
  const ask = (api: string, payload = ""): Promise<string> =>
    askServer(leader, `$JS.API.STREAM.${api}.${name}`, payload, access);
  try {
    const { error } = JSON.parse(await ask("CREATE", JSON.stringify(config))) as ApiAnswer;
    await ask("DELETE");
    return error === undefined;
  } catch (error) {
    return error instanceof AccessRefused;
  }
}

function describeAsset(stream: string, consumer?: string): string {
  return consumer === undefined ? `stream ${stream}` : `consumer ${consumer} of stream ${stream}`;
}

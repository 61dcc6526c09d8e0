import { get } from "node:http";
import type { Address } from "./ask-server.js";

/** What a node's monitoring port says about its JetStream, as far as a cluster's health goes. */
export interface JetStreamReport {
  /** The peers as this node sees them: `current` and `offline` are only known to the leader. */
  readonly meta_cluster?: RaftGroup & { readonly cluster_size: number };
  readonly account_details?: readonly {
    readonly stream_detail?: readonly {
      readonly name: string;
      readonly cluster?: RaftGroup;
      readonly consumer_detail?: readonly { readonly name: string; readonly cluster?: RaftGroup }[];
    }[];
  }[];
}

export interface RaftGroup {
  readonly leader?: string;
  readonly replicas?: readonly { readonly name: string; readonly current: boolean; readonly offline?: boolean }[];
}

/** `/jsz` of a node; undefined when it does not answer, for whatever reason. */
export function readJetStream(monitor: Address): Promise<JetStreamReport | undefined> {
  return readJson<JetStreamReport>(monitor, "/jsz?accounts=true&streams=true&consumers=true");
}

/** Whether `/healthz` says that everything the node holds is recovered and current. */
export async function isHealthy(monitor: Address): Promise<boolean> {
  return (await readJson<{ status: string }>(monitor, "/healthz"))?.status === "ok";
}

/** The group of a stream, or of its consumer, as this node knows it, in whatever account. */
export function findGroup(
  report: JetStreamReport | undefined,
  stream: string,
  consumer?: string,
): RaftGroup | undefined {
  const details = report?.account_details?.flatMap((account) => account.stream_detail ?? []) ?? [];
  const detail = details.find(({ name }) => name === stream);
  if (consumer === undefined) return detail?.cluster;
  return detail?.consumer_detail?.find(({ name }) => name === consumer)?.cluster;
}

/** The names of the clients that are connected to a node. */
export async function readClientNames(monitor: Address): Promise<string[]> {
  const report = await readJson<{ connections: { name?: string }[] }>(monitor, "/connz?limit=1000");
  return report?.connections.map(({ name = "" }) => name) ?? [];
}

function readJson<Body>({ host, port }: Address, path: string): Promise<Body | undefined> {
  return new Promise((resolve) => {
    const request = get({ host, port, path, agent: false, timeout: 1_000 }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
      });
      response.on("end", () => resolve(parseJson<Body>(text)));
      response.on("error", () => resolve(undefined));
    });
    request.on("timeout", () => request.destroy());
    request.on("error", () => resolve(undefined));
  });
}

/** Undefined for what a proxy, or another server, says in place of a node. */
function parseJson<Body>(text: string): Body | undefined {
  try {
    return JSON.parse(text) as Body;
  } catch {
    return undefined;
  }
}

import type { Address, ClusterView } from "@x/nats-testkit";

/** A node of a playground's cluster. What it is told to do is done when the promise resolves. */
export interface PlaygroundNode {
  readonly name: string;
  /** For a client that is no part of the play. */
  readonly url: string;
  /** SIGKILL. */
  kill(): Promise<void>;
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** Starts it again, after an orderly stop when it runs; with a series as another version, on the same store. */
  restart(series?: ServerSeries): Promise<void>;
  /** Off the network, without a sign to anybody. */
  isolate(): Promise<void>;
  rejoin(): Promise<void>;
  version(): Promise<string>;
  /** What its health check says: no where it can write no more. */
  isHealthy(): Promise<boolean>;
}

export type ServerSeries = "2.10" | "newest";

export interface PlaygroundPipeline {
  /** Of the process: null when a signal ended it. */
  readonly finished: Promise<{ readonly exitCode: number | null; readonly stdout: string; readonly stderr: string }>;
  /** SIGTERM: drains. */
  stop(): Promise<void>;
  /** The pipeline's machine is off the network. */
  isolate(): Promise<void>;
  rejoin(): Promise<void>;
}

/** Three nodes with JetStream, and pipelines that run next to them, all of which can be disturbed. */
export interface Playground
  extends Omit<ClusterView<never>, "leaderOf" | "stepDown" | "nodeOfClient">,
    AsyncDisposable {
  readonly nodes: readonly PlaygroundNode[];
  leaderOf(stream: string): Promise<PlaygroundNode>;
  stepDown(stream: string): Promise<unknown>;
  nodeOfClient(name: string): Promise<PlaygroundNode | undefined>;
  /** Runs SQL over `{{ NATS_URL }}` with the command; more arguments follow the file. */
  startPipeline(sql: string, args: readonly string[]): Promise<PlaygroundPipeline>;
}

export interface PlaygroundOptions {
  /** What every node begins as. Default: newest. */
  readonly series?: ServerSeries;
  /** A folder of this machine that the first node keeps its streams in. Default: one of its own, like the others. */
  readonly firstStore?: string;
}

/** A server's configuration with its streams in a folder that may be smaller than it believes. */
export function jetstreamIn(folder: string): string {
  return `jetstream { store_dir: "${folder}", max_file_store: 1GB }\n`;
}

/** By the monitoring port. One that does not answer has not said no. */
export function isHealthy({ host, port }: Address): Promise<boolean> {
  return fetch(`http://${host}:${port}/healthz`, { signal: AbortSignal.timeout(5_000) }).then(
    ({ ok }) => ok,
    () => true,
  );
}

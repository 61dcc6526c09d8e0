import { setTimeout as sleep } from "node:timers/promises";
import { ConnectorError, createCounters, type OperatorContext, silentLogger } from "@x/connector-api";
import type { OpenConnection } from "../connection.js";
import { reachServer } from "./reach-server.js";
import type { TestStep } from "./run-steps.js";

/** How long an ended test waits for what it still has to undo. */
const CLEAN_UP_MS = 1000;

/** What the steps of one test share: the connection and what must be undone. */
export class TestSession {
  readonly context: OperatorContext;
  #link: OpenConnection | undefined;
  #closed = false;
  #cleanUps: Promise<unknown>[] = [];

  constructor(name: string, signal: AbortSignal) {
    const identity = { pipeline: `${name}-test`, jobId: "test", epoch: 1, instanceId: "test" };
    const assertCurrent = (): Promise<void> => Promise.resolve();
    this.context = { identity, signal, logger: silentLogger, counters: createCounters(), assertCurrent };
  }

  get link(): OpenConnection {
    if (this.#link === undefined) throw new ConnectorError("UNEXPECTED", "used before the step that connects");
    return this.#link;
  }

  /** Takes a connection over. One that comes after the end is closed at once. */
  async adopt(link: OpenConnection): Promise<void> {
    this.#link = link;
    if (this.#closed) await link.close();
  }

  /** Work that must be finished, stopped or not, because it undoes something. */
  finish<T>(work: Promise<T>): Promise<T> {
    this.#cleanUps.push(work.catch(() => {}));
    return work;
  }

  /** Waits a moment for what is to be undone, then closes. Idempotent, never rejects. */
  async close(): Promise<void> {
    this.#closed = true;
    const pending = this.#cleanUps.splice(0);
    const enough = new AbortController();
    if (pending.length > 0) {
      const late = sleep(CLEAN_UP_MS, undefined, { signal: enough.signal }).catch(() => {});
      await Promise.race([Promise.all(pending), late]);
      enough.abort();
    }
    await this.#link?.close().catch(() => {});
  }
}

/** What a test needs of its host to get in. */
export interface Dialler {
  /** Addresses with variables resolved; undefined when an open connection was handed in. */
  servers(): readonly string[] | undefined;
  readonly connectTimeoutMs: number;
  connect(context: OperatorContext): Promise<OpenConnection>;
}

/** The first two steps of every test. */
export function connectSteps(session: TestSession, dialler: Dialler): readonly TestStep[] {
  return [
    {
      name: "connect",
      doing: "resolving the addresses and connecting",
      async run(signal) {
        const servers = dialler.servers();
        if (servers === undefined) return "an open connection was handed in";
        const { server, addresses } = await reachServer(servers, dialler.connectTimeoutMs, signal);
        return `${server} takes connections${addresses > 1 ? ` (the first of ${addresses} that does)` : ""}`;
      },
    },
    {
      name: "authenticate",
      doing: "entering the server",
      async run() {
        await session.adopt(await dialler.connect(session.context));
        const { info } = session.link.client;
        return `entered ${info?.server_name ?? "the server"}, nats-server ${info?.version ?? "of unknown version"}`;
      },
    },
  ];
}

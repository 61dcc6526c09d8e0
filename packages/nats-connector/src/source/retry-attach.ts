import { setTimeout as sleep } from "node:timers/promises";
import { abortable, ConnectorError, isConnectorError, type Logger } from "@x/connector-api";
import type { OpenConnection } from "../connection.js";

export interface RetryAttachOptions {
  readonly connection: OpenConnection;
  readonly signal: AbortSignal;
  readonly logger: Logger;
  /** When transient errors become final; infinite for a source that is under way. */
  readonly deadline: number;
  /** Connected, but without JetStream for so long: another server of the cluster may have it. Default 30,000. */
  readonly moveAfterMs?: number | undefined;
}

const FIRST_DELAY_MS = 50;
const LAST_DELAY_MS = 2000;
/** A server that comes back may know its streams a moment later than its clients. */
const PATIENCE_MS = 10_000;
const MOVE_AFTER_MS = 30_000;

/** The client's first choice may be the server it comes from. Another one is tried once: there may be none. */
async function moveFrom(server: string, { connection, signal }: RetryAttachOptions): Promise<void> {
  const { client } = connection;
  for (let attempt = 0; attempt < 2 && client.getServer() === server; attempt++) {
    const back = new Promise<void>((resolve) => {
      const stop = connection.listen({
        reconnected() {
          stop();
          resolve();
        },
      });
    });
    try {
      await client.reconnect();
    } catch {
      return;
    }
    await abortable(back, signal);
  }
}

/** Tries until it works: transient errors wait and go on, everything else is thrown as it is. */
export async function retryAttach<T>(options: RetryAttachOptions, attempt: () => Promise<T>): Promise<T> {
  const { connection, signal, logger, deadline, moveAfterMs = MOVE_AFTER_MS } = options;
  const underWay = deadline === Number.POSITIVE_INFINITY;
  let movedAt = Date.now();
  const begun = Date.now();
  for (let delayMs = FIRST_DELAY_MS; ; delayMs = Math.min(LAST_DELAY_MS, delayMs * 2)) {
    try {
      await connection.whenConnected(signal);
      return await attempt();
    } catch (error) {
      if (connection.lost.aborted) throw connection.lost.reason;
      if (signal.aborted || !isConnectorError(error)) throw error;
      const missing = error.code === "STREAM_NOT_FOUND" || error.code === "CAPABILITY_MISSING";
      const patient = underWay && missing && Date.now() - begun < PATIENCE_MS;
      if (error.retry === "never" && !patient) throw error;
      if (Date.now() + delayMs >= deadline) throw error;
      logger.debug({ code: error.code, delayMs }, error.message);
    }
    if (underWay && connection.connected && Date.now() - movedAt > moveAfterMs) {
      movedAt = Date.now();
      const server = connection.client.getServer();
      logger.warn({ event: "move", server }, "no answer from JetStream here, trying another server");
      await moveFrom(server, options);
    }
    await abortable(sleep(delayMs), signal);
  }
}

/** A stream that vanishes under a running source is something else than a wrong name. Other errors stay as they are. */
export function streamIsGone(error: unknown, stream: string, how: string): unknown {
  if (!isConnectorError(error) || error.code !== "STREAM_NOT_FOUND") return error;
  const text = `stream "${stream}" was deleted while it was read, ${how}, and did not come back`;
  return new ConnectorError("STREAM_NOT_FOUND", text, { cause: error, context: error.context });
}

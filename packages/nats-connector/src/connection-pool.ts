import { isDeepStrictEqual } from "node:util";
import { abortable, type ConnectorError, isConnectorError } from "@x/connector-api";
import { type HeldClient, holdClient } from "./client-hold.js";
import type { LinkContext, OpenConnection } from "./connection.js";
import type { OpenClient } from "./open-connection.js";

export interface PoolRequest {
  /** Everything that makes one connection unlike another, as plain values: equal profiles share a client. */
  readonly profile: object;
  /** JetStream domain this holder asks; not a matter of the connection. */
  readonly domain: string | undefined;
  /** Budget of an opening, whoever dials. */
  readonly connectTimeoutMs: number;
  dial(signal: AbortSignal, connectTimeoutMs: number): Promise<OpenClient>;
  /** What to say when a client that others hold does not come back within the budget. */
  unreachable(): ConnectorError;
}

interface SharedClient {
  readonly profile: object;
  readonly opening: Promise<OpenClient>;
  readonly dialling: AbortController;
  opened: OpenClient | undefined;
  holders: number;
}

/**
 * One client for each equal profile, dialled for the first holder and closed behind the last. What fails, fails alone: a
 * holder that goes leaves the client to the others, and one that is refused or given up ends only who holds it, so
 * that the next opening dials anew. Two kinds of operator keep a client of their own:
 *
 * - who cannot send or receive again what a reconnect drops, where somebody else may ask for that reconnect: see
 *   {@link openOwn};
 * - who has credentials that end. Each renews them at its own boundaries, with nothing of its own under way.
 */
export class ConnectionPool {
  readonly #shared = new Set<SharedClient>();

  /** Rejects like a dial. */
  async open(request: PoolRequest, context: LinkContext): Promise<OpenConnection> {
    const { profile, domain, connectTimeoutMs, unreachable } = request;
    const deadline = Date.now() + connectTimeoutMs;
    for (;;) {
      const found = [...this.#shared].find((each) => isDeepStrictEqual(each.profile, profile));
      const shared = found ?? this.#dial(request, Math.max(1, deadline - Date.now()));
      shared.holders += 1;
      try {
        const opened = await abortable(shared.opening, context.signal);
        if (found === undefined || !opened.renews) {
          await connectedBy(deadline, opened, context.signal, unreachable);
          return holdClient(heldBy(shared, opened), context, domain, () => this.#release(shared));
        }
      } catch (error) {
        await this.#release(shared);
        const awayForOthers = isConnectorError(error) && away.has(error.code) && found !== undefined;
        if (awayForOthers && Date.now() < deadline) continue;
        throw error;
      }
      await this.#release(shared);
      return this.openOwn(request, context);
    }
  }

  /** A client that nobody else holds. */
  async openOwn({ dial, domain, connectTimeoutMs }: PoolRequest, context: LinkContext): Promise<OpenConnection> {
    const opened = await dial(context.signal, connectTimeoutMs);
    return holdClient(opened, context, domain, () => opened.close());
  }

  #dial({ profile, dial }: PoolRequest, budgetMs: number): SharedClient {
    const dialling = new AbortController();
    const opening = dial(dialling.signal, budgetMs);
    const shared: SharedClient = { profile, opening, dialling, opened: undefined, holders: 0 };
    this.#shared.add(shared);
    const forget = (): void => void this.#shared.delete(shared);
    opening.then((opened) => {
      shared.opened = opened;
      opened.link.lost.addEventListener("abort", forget, { once: true });
      if (opened.link.lost.aborted) forget();
    }, forget);
    return shared;
  }

  async #release(shared: SharedClient): Promise<void> {
    shared.holders -= 1;
    if (shared.holders > 0) return;
    this.#shared.delete(shared);
    shared.dialling.abort();
    if (shared.opened !== undefined) await shared.opened.close();
    else shared.opening.then((late) => late.close()).catch(() => {});
  }
}

/** Nobody there, as far as the one who dialled waited. */
const away: ReadonlySet<string> = new Set(["CONNECT_FAILED", "CONNECTION_LOST"]);

/** Credentials that got an end only later are renewed by the server's own disconnect while several hold the client. */
function heldBy(shared: SharedClient, opened: OpenClient): HeldClient {
  return { ...opened, boundary: async () => (shared.holders > 1 ? undefined : opened.boundary()) };
}

/** A client that others hold may be without its server just now: then the budget is the same as for a dial. */
async function connectedBy(
  deadline: number,
  { link }: OpenClient,
  signal: AbortSignal,
  unreachable: () => ConnectorError,
): Promise<void> {
  if (link.connected && !link.lost.aborted) return;
  const late = AbortSignal.timeout(Math.max(1, deadline - Date.now()));
  await link.whenConnected(AbortSignal.any([signal, late])).catch((error: unknown) => {
    throw late.aborted && !signal.aborted && !link.lost.aborted ? unreachable() : error;
  });
}

import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { abortable, ConnectorError } from "@x/connector-api";
import type { OpenConnection } from "../connection.js";
import { fromClientError, permissionOf } from "../nats-errors.js";
import type { Denied } from "./remedies.js";

/** A subject to try; `shown` is what permissions would name, where the subject itself holds a made-up name. */
export interface Probe {
  readonly subject: string;
  readonly shown?: string;
  readonly queue?: string | undefined;
}

export interface Probes {
  readonly publish: readonly Probe[];
  readonly subscribe: readonly Probe[];
}

/** The server reserves replies under this token for itself. */
const RESERVED_REPLY = "_R_";
const ANSWER_MS = 500;
const FLUSH_MS = 5000;

/**
 * Tries every subject on the server and resolves with what it says; rejects with PERMISSION_DENIED and all denied ones
 * in `context.denied`. Nothing is delivered to anybody and nothing is stored: a publish carries a reserved reply,
 * which the server refuses as such right after it has checked the subject, so each probe has one error as its answer,
 * and which one tells (nats-server `client.go` processInboundClientMsg; seen on 2.9, 2.10 and 2.15). A subscription
 * ends in the same write as it begins. On a connection handed in, its owner sees these errors among its status events.
 */
export async function probePermissions(link: OpenConnection, probes: Probes, signal: AbortSignal): Promise<string> {
  const errors: ConnectorError[] = [];
  const { client } = link;
  const stop = link.listen({ refused: (error) => void errors.push(error) });
  try {
    for (const { subject, queue } of probes.subscribe) {
      const callback = (): void => {};
      client.subscribe(subject, queue === undefined ? { callback } : { queue, callback }).unsubscribe();
    }
    const reply = `${RESERVED_REPLY}.${randomUUID().replaceAll("-", "")}`;
    // The last one is there for its answer alone: errors come in order, so all others are known by then.
    const tried = [...probes.publish, { subject: link.newInbox() }];
    for (const { subject } of tried) client.publish(subject, new Uint8Array(), { reply });
    await flushed(link, signal);
    const answers = (): ConnectorError[] => errors.filter((error) => permissionOf(error.context)?.operation !== SUB);
    for (let waited = 0; waited < ANSWER_MS && answers().length < tried.length; waited += 10) {
      await abortable(sleep(10), signal);
    }
    const refused = errors.map((error) => permissionOf(error.context));
    const isDenied = (operation: string, { subject }: Probe): boolean =>
      refused.some((each) => each?.operation === operation && each.subject === subject);
    const denied: Denied[] = [
      ...probes.publish.filter((probe) => isDenied(PUB, probe)).map((probe) => deniedOf(PUB, probe)),
      ...probes.subscribe.filter((probe) => isDenied(SUB, probe)).map((probe) => deniedOf(SUB, probe)),
    ];
    if (denied.length > 0) throw denial(denied);
    return answers().length < tried.length
      ? "the server did not answer for every subject: not known"
      : `all ${probes.publish.length + probes.subscribe.length} subjects are allowed`;
  } catch (error) {
    throw fromClientError(error, "try permissions");
  } finally {
    stop();
  }
}

const PUB = "publish";
const SUB = "subscription";

function deniedOf(operation: string, { subject, shown }: Probe): Denied {
  return { operation, subject: shown ?? subject };
}

function denial(denied: readonly Denied[]): ConnectorError {
  const list = denied
    .map(({ operation, subject }) => `${operation === SUB ? "subscribe" : "publish"} to "${subject}"`)
    .join(", ");
  return new ConnectorError("PERMISSION_DENIED", `the server does not allow this user to ${list}`, {
    context: { denied },
  });
}

/** A round trip, which a server that does not answer must not hold up for ever. */
export async function flushed({ client }: OpenConnection, signal: AbortSignal): Promise<void> {
  const late = AbortSignal.timeout(FLUSH_MS);
  try {
    await abortable(client.flush(), AbortSignal.any([signal, late]));
  } catch (error) {
    if (signal.aborted || !late.aborted) throw error;
    throw new ConnectorError("SERVER_UNAVAILABLE", `the server did not answer within ${FLUSH_MS} ms`);
  }
}

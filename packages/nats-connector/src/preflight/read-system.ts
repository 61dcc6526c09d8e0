import { isConnectorError } from "@x/connector-api";
import { capabilitiesOf, readCapabilities } from "../capabilities.js";
import type { OpenConnection } from "../connection.js";
import { type Probe, probePermissions } from "../connection-test/permission-probe.js";
import type { StreamInfo } from "../jetstream/api.js";
import type { Permissions } from "../permissions.js";
import type { DeniedSubject, SystemFacts } from "./facts.js";

/** Asks for what a user may lack the right to read, and remembers what was refused. */
export class Reader {
  readonly unread: string[] = [];
  readonly #signal: AbortSignal;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  /** Undefined, and a line in `unread`, where the user may not ask; other errors are the caller's. */
  async ask<T>(what: string, asked: Promise<T>): Promise<T | undefined> {
    try {
      return await asked;
    } catch (error) {
      if (this.#signal.aborted || !isConnectorError(error) || error.code !== "PERMISSION_DENIED") throw error;
      this.unread.push(what);
      return undefined;
    }
  }

  /** As `ask`, and undefined for a stream that does not exist. */
  async askForStream(name: string, asked: Promise<StreamInfo>): Promise<StreamInfo | undefined> {
    try {
      return await this.ask(`stream "${name}"`, asked);
    } catch (error) {
      if (isConnectorError(error) && error.code === "STREAM_NOT_FOUND") return undefined;
      throw error;
    }
  }
}

/** What is at the other end of a connection. `needed` are the permissions of the table; each is tried. */
export async function readSystem(
  link: OpenConnection,
  needed: Permissions,
  usesJetStream: boolean,
  reader: Reader,
  signal: AbortSignal,
): Promise<SystemFacts> {
  const { api, client } = link;
  const capabilities = usesJetStream
    ? await readCapabilities(api, client, signal)
    : { ...capabilitiesOf("0.0.0", 0), version: client.info?.version ?? "0.0.0" };
  const account = usesJetStream ? await reader.ask("the account's limits", api.accountInfo(signal)) : undefined;
  return {
    capabilities,
    clustered: client.info?.cluster !== undefined,
    maxPayload: client.info?.max_payload ?? 0,
    account,
    denied: await deniedOf(link, needed, signal),
    unread: reader.unread,
  };
}

/** A token no stream, consumer or column of anybody is likely to have. */
const TOKEN = "preflight-probe";
/** `$JS.ACK.<domain>.…` is one of two forms, and only the server knows which it uses. */
const UNCERTAIN = /^\$JS\.ACK\.[^.]+\.\*\./;

async function deniedOf(
  link: OpenConnection,
  { publish, subscribe }: Permissions,
  signal: AbortSignal,
): Promise<readonly DeniedSubject[]> {
  const inbox = link.newInbox();
  const probes = {
    publish: publish.filter((subject) => !UNCERTAIN.test(subject)).map(probeOf),
    subscribe: subscribe.map((entry): Probe => {
      const [subject = "", queue] = entry.split(" ");
      // The own inbox: any other subject below the prefix would be somebody else's.
      if (inbox.startsWith(`${subject.slice(0, -1)}`) && subject.endsWith(".>"))
        return { subject: inbox, shown: subject };
      return { subject, queue };
    }),
  };
  try {
    await probePermissions(link, probes, signal);
    return [];
  } catch (error) {
    if (!isConnectorError(error) || error.code !== "PERMISSION_DENIED") throw error;
    const denied = (error.context.denied ?? []) as readonly { operation: string; subject: string }[];
    return denied.map(({ operation, subject }) => ({
      operation: operation === "publish" ? "publish" : "subscribe",
      subject,
    }));
  }
}

/** One subject for a pattern: permissions name the pattern, and wildcards cannot be published to. */
function probeOf(pattern: string): Probe {
  if (!/[*>]/.test(pattern)) return { subject: pattern };
  const tokens = pattern.split(".").map((token) => (token === "*" || token === ">" ? TOKEN : token));
  return { subject: tokens.join("."), shown: pattern };
}

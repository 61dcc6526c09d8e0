import { connect, type Socket } from "node:net";
import { type ConnectionOptions, connect as connectTls } from "node:tls";
import { parseInfo } from "./probe-server.js";

/** Where a server listens. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** What a server wants to hear in CONNECT, such as `{ user, pass }` or `{ auth_token }`. */
export type Login = Readonly<Record<string, string>>;

/** Whom to trust where a server wants TLS, and what to show it: PEM texts. */
export interface ClientTls {
  readonly ca: string;
  readonly cert?: string;
  readonly key?: string;
}

/** What servers ask of whoever connects. */
export interface Access {
  readonly login?: Login | undefined;
  readonly tls?: ClientTls | undefined;
}

/** What {@link askServer} rejects with when it may not ask: not worth another try. */
export class AccessRefused extends Error {}

/**
 * One request over a connection of its own; resolves with the first answer's payload. Rejects with what the server says
 * against it, when nobody serves the subject, and when no answer came in time.
 */
export function askServer(
  { host, port }: Address,
  subject: string,
  payload: string,
  { login = {}, tls, timeoutMs = 5_000 }: Access & { timeoutMs?: number } = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    const opened: Socket[] = [];
    const finish = (settle: () => void): undefined => {
      // First: a TLS socket says that it is closed before `destroy` returns.
      settle();
      for (const socket of opened) socket.destroy();
    };
    const where = `${subject} on ${host}:${port}`;
    const fail = (why: string): undefined => finish(() => reject(new Error(`${where}: ${why}`)));
    const refuse = (why: string): undefined => finish(() => reject(new AccessRefused(`${where}: ${why}`)));
    const listen = (socket: Socket, hear: (chunk: string) => void): void => {
      opened.push(socket);
      socket.setTimeout(timeoutMs, () => fail(`no answer within ${timeoutMs} ms`));
      socket.on("error", (error) => fail(error.message));
      socket.on("close", () => fail("the connection was closed"));
      // One byte, one character: sizes in the protocol are bytes.
      socket.on("data", (chunk: Buffer) => hear(chunk.toString("latin1")));
    };
    const ask = (socket: Socket): void => {
      const hello = JSON.stringify({ verbose: false, headers: true, no_responders: true, ...login });
      const body = Buffer.from(payload).toString("latin1");
      const request = `PUB ${subject} _ask ${body.length}\r\n${body}\r\n`;
      socket.write(`CONNECT ${hello}\r\nSUB _ask 1\r\n${request}`, "latin1");
    };

    let text = "";
    const hearAnswer = (chunk: string): undefined => {
      text += chunk;
      const refusal = /^-ERR (.*)\r\n/m.exec(text)?.[1];
      if (refusal !== undefined)
        return /(Authorization|Permissions) Violation/.test(refusal) ? refuse(refusal) : fail(refusal);
      if (/^HMSG _ask 1 .*\r\nNATS\/1\.0 503/m.test(text)) return fail("nobody serves it");
      const answer = /^MSG _ask 1 (\d+)\r\n/m.exec(text);
      if (!answer) return;
      const start = answer.index + answer[0].length;
      const end = start + Number(answer[1]);
      if (text.length >= end) finish(() => resolve(Buffer.from(text.slice(start, end), "latin1").toString("utf8")));
    };
    const plain = connect({ port, host });
    let hear = (chunk: string): undefined => {
      text += chunk;
      const info = parseInfo(text);
      if (info === undefined) return;
      text = "";
      hear = hearAnswer;
      if (!info.tls_required) {
        ask(plain);
        return;
      }
      if (tls === undefined) return refuse("the server wants TLS, expected the option tls, such as { ca }");
      // The TLS socket speaks for it from here on.
      plain.removeAllListeners();
      const options: ConnectionOptions = { ...tls, socket: plain, host };
      const secure = connectTls(options, () => ask(secure));
      listen(secure, hearAnswer);
    };
    listen(plain, (chunk) => hear(chunk));
  });
}

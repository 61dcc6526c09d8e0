import { connect } from "node:net";

/** Where a server listens. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** What a server wants to hear in CONNECT, such as `{ user, pass }` or `{ auth_token }`. */
export type Login = Readonly<Record<string, string>>;

/**
 * One request over a connection of its own, without TLS; resolves with the first answer's payload. Rejects with what
 * the server says against it, when nobody serves the subject, and when no answer came in time.
 */
export function askServer(
  { host, port }: Address,
  subject: string,
  payload: string,
  { login = {}, timeoutMs = 5_000 }: { login?: Login; timeoutMs?: number } = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host });
    let text = "";
    const finish = (settle: () => void): void => {
      socket.destroy();
      settle();
    };
    const fail = (why: string): void => finish(() => reject(new Error(`${subject} on ${host}:${port}: ${why}`)));
    socket.setTimeout(timeoutMs, () => fail(`no answer within ${timeoutMs} ms`));
    socket.on("error", (error) => fail(error.message));
    socket.on("close", () => fail("the connection was closed"));
    // One byte, one character: sizes in the protocol are bytes.
    socket.setEncoding("latin1").on("data", (chunk: string) => {
      if (text === "") {
        const hello = JSON.stringify({ verbose: false, headers: true, no_responders: true, ...login });
        const body = Buffer.from(payload).toString("latin1");
        const request = `PUB ${subject} _ask ${body.length}\r\n${body}\r\n`;
        socket.write(`CONNECT ${hello}\r\nSUB _ask 1\r\n${request}`, "latin1");
      }
      text += chunk;
      const refusal = /^-ERR (.*)\r\n/m.exec(text)?.[1];
      if (refusal !== undefined) return fail(refusal);
      if (/^HMSG _ask 1 .*\r\nNATS\/1\.0 503/m.test(text)) return fail("nobody serves it");
      const answer = /^MSG _ask 1 (\d+)\r\n/m.exec(text);
      if (!answer) return;
      const start = answer.index + answer[0].length;
      const end = start + Number(answer[1]);
      if (text.length >= end) finish(() => resolve(Buffer.from(text.slice(start, end), "latin1").toString("utf8")));
    });
  });
}

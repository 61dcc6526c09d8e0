/** A message of the NATS protocol as it goes over the wire. */
export interface NatsFrame {
  /** What clients send (`PUB`, `HPUB`) or receive (`MSG`, `HMSG`). */
  readonly op: "PUB" | "HPUB" | "MSG" | "HMSG";
  readonly subject: string;
  /** The reply subject; empty when there is none. */
  readonly reply: string;
  /** The header block as text; empty when there is none. */
  readonly headers: string;
  readonly payload: Buffer;
}

/** What to do with a frame: hand it on, swallow it, or break its connection in its place. */
export type FrameVerdict = "pass" | "drop" | "cut";

/** What is left of a chunk after the verdicts. `cut`: the connection breaks after these bytes. */
export interface ReadFrames {
  readonly pass: readonly Buffer[];
  readonly cut: boolean;
}

/** The server's answer that a message is stored: what a publisher into a stream waits for. */
export function isPublishAck(frame: NatsFrame): boolean {
  return frame.op.endsWith("MSG") && /^\{"stream":\s?"[^"]*",.*"seq":\s?\d/.test(frame.payload.toString("latin1"));
}

const PLAIN_LINE = /^(INFO|CONNECT|SUB|UNSUB|PING|PONG|\+OK|-ERR)\b|^(\+OK|-ERR)/i;
const MESSAGE_OPS = ["PUB ", "HPUB ", "MSG ", "HMSG "];
const LINE_END = "\r\n";
/** A line that is longer is none: CONNECT and INFO hold credentials and URLs, not more. */
const MAX_LINE_BYTES = 64 * 1024;

/**
 * Follows the frames of one direction of one connection, and asks for a verdict on each message. Without somebody to
 * ask, bytes go through as they come. What is not the NATS protocol, such as TLS, always does.
 */
export function createFrameReader(): (chunk: Buffer, judge?: (frame: NatsFrame) => FrameVerdict) => ReadFrames {
  /** Bytes of an incomplete message that wait for a verdict. */
  let held: Buffer = Buffer.alloc(0);
  /** The beginning of a line that has already been handed on. */
  let passedLine = Buffer.alloc(0);
  /** Bytes of a message whose beginning has already been handed on. */
  let passingBytes = 0;
  let isForeign = false;

  return (chunk, judge) => {
    if (isForeign) return { pass: [chunk], cut: false };
    const data = held.length > 0 ? Buffer.concat([held, chunk]) : chunk;
    held = Buffer.alloc(0);
    const pass: Buffer[] = [];
    let at = 0;
    let kept = 0;
    const keepUntil = (end: number): void => {
      if (end > kept) pass.push(data.subarray(kept, end));
      kept = end;
    };

    while (at < data.length) {
      if (passingBytes > 0) {
        const bytes = Math.min(passingBytes, data.length - at);
        passingBytes -= bytes;
        at += bytes;
        continue;
      }
      const lineEnd = findLineEnd(data, at, passedLine);
      if (lineEnd === -1) {
        if (judge && passedLine.length === 0 && data.length - at < MAX_LINE_BYTES && mayBeMessage(data, at)) {
          keepUntil(at);
          held = data.subarray(at);
          return { pass, cut: false };
        }
        passedLine = Buffer.concat([passedLine, data.subarray(at)]);
        isForeign = passedLine.length > MAX_LINE_BYTES;
        break;
      }
      const isWhole = passedLine.length === 0;
      const rest = data.subarray(at, lineEnd);
      const line = isWhole ? rest : Buffer.concat([passedLine, rest]);
      passedLine = Buffer.alloc(0);
      const bodyBytes = bodyBytesOf(line);
      if (bodyBytes === undefined) {
        isForeign = true;
        break;
      }
      const end = lineEnd + bodyBytes;
      if (!judge || !isWhole || bodyBytes === 0) {
        passingBytes = Math.max(0, end - data.length);
        at = Math.min(end, data.length);
        continue;
      }
      if (end > data.length) {
        keepUntil(at);
        held = data.subarray(at);
        return { pass, cut: false };
      }
      const verdict = judge(parseMessage(line.toString("latin1"), data.subarray(lineEnd, end - LINE_END.length)));
      if (verdict !== "pass") keepUntil(at);
      if (verdict === "cut") return { pass, cut: true };
      at = end;
      if (verdict === "drop") kept = end;
    }
    keepUntil(data.length);
    return { pass, cut: false };
  };
}

/** The index after the line's end, which may have begun in the bytes handed on before; -1 when it is not there yet. */
function findLineEnd(data: Buffer, at: number, before: Buffer): number {
  if (before.at(-1) === 0x0d && data[at] === 0x0a) return at + 1;
  const found = data.indexOf(LINE_END, at, "latin1");
  return found === -1 ? -1 : found + LINE_END.length;
}

function mayBeMessage(data: Buffer, at: number): boolean {
  const head = data.toString("latin1", at, at + 5).toUpperCase();
  return MESSAGE_OPS.some((op) => head.startsWith(op) || op.startsWith(head));
}

/**
 * How many bytes follow the line, with their line end; undefined when the line is not of the protocol. Every message of
 * a proxied connection comes by here, so it reads bytes: a message's size is the number at the end of its line.
 */
function bodyBytesOf(line: Buffer): number | undefined {
  if (!isMessageLine(line)) return PLAIN_LINE.test(line.toString("latin1", 0, 8)) ? 0 : undefined;
  let size = 0;
  let scale = 1;
  let at = line.length - LINE_END.length - 1;
  for (let digit = digitAt(line, at); digit >= 0; digit = digitAt(line, --at)) {
    size += digit * scale;
    scale *= 10;
  }
  return scale > 1 && line[at] === SPACE ? size + LINE_END.length : undefined;
}

function isMessageLine(line: Buffer): boolean {
  const at = lower(line, 0) === LETTER.h ? 1 : 0;
  const [first, second, third] = [lower(line, at), lower(line, at + 1), lower(line, at + 2)];
  if (line[at + 3] !== SPACE) return false;
  return first === LETTER.p
    ? second === LETTER.u && third === LETTER.b
    : first === LETTER.m && second === LETTER.s && third === LETTER.g;
}

const SPACE = 0x20;
const LETTER = { b: 0x62, g: 0x67, h: 0x68, m: 0x6d, p: 0x70, s: 0x73, u: 0x75 } as const;

function lower(line: Buffer, at: number): number {
  return (line[at] ?? 0) | 0x20;
}

/** Negative, or above 9 and then negative too, when there is none. */
function digitAt(line: Buffer, at: number): number {
  const digit = (line[at] ?? 0) - 0x30;
  return digit <= 9 ? digit : -1;
}

function parseMessage(line: string, body: Buffer): NatsFrame {
  const [op = "", subject = "", ...rest] = line.trimEnd().split(/\s+/);
  const hasHeaders = /^h/i.test(op);
  const sizes = rest.splice(hasHeaders ? -2 : -1);
  // Before the sizes: the subscription's id, in what clients receive, and the reply subject, where there is one.
  const reply = (/msg$/i.test(op) ? rest[1] : rest[0]) ?? "";
  const headerBytes = hasHeaders ? Number(sizes[0]) : 0;
  return {
    op: op.toUpperCase() as NatsFrame["op"],
    subject,
    reply,
    headers: body.toString("utf8", 0, headerBytes),
    payload: body.subarray(headerBytes),
  };
}

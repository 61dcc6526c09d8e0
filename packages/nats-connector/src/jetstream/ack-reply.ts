import { ConnectorError } from "@x/connector-api";

const DOT = 0x2e;
const ZERO = 0x30;

/**
 * Reads the reply subject of delivered messages, which holds their position (ADR-15):
 * `$JS.ACK.<stream>.<consumer>.<delivered>.<sseq>.<dseq>.<ts>.<pending>`, or from 2.14 on with two more tokens in front
 * of the stream (domain, account) and maybe more behind. One reader per consumer: where the numbers begin is found once.
 * The fields hold the last reply read, so that no object is made per message.
 */
export class AckReplyReader {
  streamSeq = 0;
  consumerSeq = 0;
  /** Everything up to and with the dot before `<delivered>`; what a crafted ack begins with. */
  prefix = "";
  /** Tokens a crafted ack must have behind `<pending>`. */
  #tail = 0;
  #head = 0;
  #from = 0;
  #to = 0;

  /** Throws POSITION_LOST for a subject that is none. */
  read(reply: string): void {
    if (this.#scan(reply, this.#head)) return;
    if (this.#scan(reply, this.#locate(reply))) return;
    throw malformed();
  }

  /** `<sseq>.<dseq>.<ts>` of the last reply read, which was `reply`: a slice, nothing is formatted. */
  position(reply: string): string {
    return reply.slice(this.#from, this.#to);
  }

  /** Messages left behind the last reply read, which was `reply`. */
  pending(reply: string): number {
    let pending = 0;
    for (let at = this.#to + 1; at < reply.length && reply.charCodeAt(at) !== DOT; at++) {
      pending = pending * 10 + (reply.charCodeAt(at) - ZERO);
    }
    return pending;
  }

  /** The subject that acks the message at this position of the same consumer. */
  ackSubject(streamSeq: number, consumerSeq: number): string {
    return `${this.prefix}1.${streamSeq}.${consumerSeq}.0.0${".0".repeat(this.#tail)}`;
  }

  /** False when the numbers are not where they are expected. */
  #scan(reply: string, head: number): boolean {
    if (head === 0 || reply.charCodeAt(head - 1) !== DOT) return false;
    let at = head;
    let code = reply.charCodeAt(at++);
    while (code !== DOT) {
      if (!(code >= ZERO && code <= 0x39)) return false;
      code = reply.charCodeAt(at++);
    }
    this.#from = at;
    let streamSeq = 0;
    code = reply.charCodeAt(at++);
    while (code !== DOT) {
      if (!(code >= ZERO && code <= 0x39)) return false;
      streamSeq = streamSeq * 10 + (code - ZERO);
      code = reply.charCodeAt(at++);
    }
    let consumerSeq = 0;
    code = reply.charCodeAt(at++);
    while (code !== DOT) {
      if (!(code >= ZERO && code <= 0x39)) return false;
      consumerSeq = consumerSeq * 10 + (code - ZERO);
      code = reply.charCodeAt(at++);
    }
    this.#to = reply.indexOf(".", at);
    this.streamSeq = streamSeq;
    this.consumerSeq = consumerSeq;
    return this.#to > at;
  }

  #locate(reply: string): number {
    const tokens = reply.split(".");
    const extra = tokens.length === 9 ? 0 : tokens.length >= 11 ? 2 : -1;
    if (extra === -1 || tokens[0] !== "$JS" || tokens[1] !== "ACK") throw malformed();
    this.prefix = `${tokens.slice(0, 4 + extra).join(".")}.`;
    this.#tail = tokens.length - 9 - extra;
    this.#head = this.prefix.length;
    return this.#head;
  }
}

/** Token of a reply counted from `<delivered>` (0) to `<pending>` (4), for metadata columns; undefined for no reply. */
export function replyToken(reply: string | undefined, index: number): string | undefined {
  if (reply === undefined || reply === "") return undefined;
  const tokens = reply.split(".");
  return tokens[(tokens.length >= 11 ? 6 : 4) + index];
}

/** Name of the stream in a reply. */
export function replyStream(reply: string | undefined): string | undefined {
  if (reply === undefined || reply === "") return undefined;
  const tokens = reply.split(".");
  return tokens[tokens.length >= 11 ? 4 : 2];
}

function malformed(): ConnectorError {
  return new ConnectorError("POSITION_LOST", "a message came without a position");
}

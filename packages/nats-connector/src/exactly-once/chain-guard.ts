import type { Capabilities } from "../capabilities.js";
import type { StreamConfig } from "../jetstream/api.js";

/**
 * What each message of a chain expects beside the sequence before it. The sequence alone is not enough for messages that
 * are under way together: when one of somebody else comes between, the first of ours is refused, but the second expects
 * just the sequence that the foreign one has got, and is stored.
 */
export interface ChainGuard {
  /** How many messages may be under way together; undefined for any number. */
  readonly maxUnderWay: 1 | undefined;
  /**
   * Whether messages expect something of the progress subject. Then what comes behind progress of our own waits until that
   * is stored: a newer claim may have got its sequence, and would be taken for it.
   */
  readonly holdsProgress: boolean;
  /** Header lines of the claim. */
  readonly ofClaim: string;
  /** Header lines of the `n`th message; `progressSeq` is where the progress subject ends before it. */
  lines(n: number, progressSeq: number): string;
}

export function chooseGuard(
  server: Pick<Capabilities, "subjectFence">,
  stream: Pick<StreamConfig, "num_replicas">,
  progressSubject: string,
  instanceId: string,
): ChainGuard {
  // From 2.11 on the end of the progress subject, which every claim moves. With replicas the server checks one such
  // message at a time; there a wrong Expected-Last-Msg-Id would end the stream for good (seen on 2.15.1).
  if (server.subjectFence) {
    const end = `\r\nNats-Expected-Last-Subject-Sequence-Subject: ${progressSubject}\r\n`;
    return {
      maxUnderWay: stream.num_replicas > 1 ? 1 : undefined,
      holdsProgress: true,
      ofClaim: "",
      lines: (_n, progressSeq) => `Nats-Expected-Last-Subject-Sequence: ${progressSeq}${end}`,
    };
  }
  // Before, the id of the message before.
  const id = (n: number): string => `${instanceId}:${n}`;
  return {
    maxUnderWay: undefined,
    holdsProgress: false,
    ofClaim: `Nats-Msg-Id: ${id(0)}\r\n`,
    lines: (n) => `Nats-Msg-Id: ${id(n + 1)}\r\nNats-Expected-Last-Msg-Id: ${id(n)}\r\n`,
  };
}

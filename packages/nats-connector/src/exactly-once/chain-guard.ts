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
  /** Header lines of the claim of an epoch. */
  ofClaim(epoch: number): string;
  /** Header lines of the `n`th message behind that claim; `progressSeq` is where the progress subject ends before it. */
  lines(epoch: number, n: number, progressSeq: number): string;
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
      ofClaim: () => "",
      lines: (_epoch, _n, progressSeq) => `Nats-Expected-Last-Subject-Sequence: ${progressSeq}${end}`,
    };
  }
  // Before, the id of the message before. With the epoch: a second claim of an instance is no repetition of its first.
  const id = (epoch: number, n: number): string => `${instanceId}:${epoch}:${n}`;
  return {
    maxUnderWay: undefined,
    holdsProgress: false,
    ofClaim: (epoch) => `Nats-Msg-Id: ${id(epoch, 0)}\r\n`,
    lines: (epoch, n) => `Nats-Msg-Id: ${id(epoch, n + 1)}\r\nNats-Expected-Last-Msg-Id: ${id(epoch, n)}\r\n`,
  };
}

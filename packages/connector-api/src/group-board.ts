/** What a board said, and the moment it said it. */
export interface BoardEntry {
  /** Undefined where nothing was ever written. */
  readonly text: string | undefined;
  /** Of the board's own: what makes a write fail once the text has changed. */
  readonly version: unknown;
}

/**
 * Where the processes that share a pipeline's splits agree: one text that is only ever replaced whole, by compare and
 * swap, and read as its last writer left it. Who writes data is never decided here but by epochs: a board that somebody
 * reads too late costs repetition, not correctness.
 */
export interface GroupBoard {
  read(): Promise<BoardEntry>;
  /**
   * Replaces the text if it still is what `entry` says. False when it is not, also when an earlier attempt of the same
   * call was stored and its answer lost: read again.
   */
  replace(entry: BoardEntry, text: string): Promise<boolean>;
}

/** A board within this process. */
export function memoryBoard(): GroupBoard {
  let entry: BoardEntry = { text: undefined, version: 0 };
  return {
    read: async () => entry,
    async replace({ version }, text) {
      if (version !== entry.version) return false;
      entry = { text, version: Number(version) + 1 };
      return true;
    },
  };
}

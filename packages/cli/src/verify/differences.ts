/** What `verify` counts. Each output is one of: in order, lost, or found; what is found too often is duplicated. */
export interface Differences {
  /** Inputs that were read. */
  readonly inputs: number;
  /** Outputs that the pipeline should have made of them. */
  readonly expected: number;
  /** Outputs of this pipeline in the sink, duplicates included. */
  readonly found: number;
  /** Expected and not found. */
  readonly lost: number;
  /** Found more often than expected. */
  readonly duplicated: number;
  /** First found behind an output that should come later. */
  readonly reordered: number;
  /** Found, of an input that should have made none. */
  readonly unexpected: number;
  /** Found, of an input that is gone, or as one outside of the range makes it: nothing can be said of it. */
  readonly unverifiable: number;
  /** The first of each kind, for people. */
  readonly examples: {
    readonly lost: readonly string[];
    readonly duplicated: readonly string[];
    readonly reordered: readonly string[];
    readonly unexpected: readonly string[];
  };
}

/** Examples that are kept of each kind. */
export const MAX_EXAMPLES = 10;

/** Counts one way of telling outputs apart. First all that is expected, then all that is found. */
export interface Tally<Id> {
  /** An input was read, whatever is made of it. */
  input(sequence: number): void;
  expect(id: Id): void;
  /** In the order of the sink. */
  found(id: Id): void;
  /** After all that is found: an input outside of the range makes such an output, too. */
  beyond?(id: Id): void;
  differences(): Differences;
  /** Everything counted so far, to go on with later. */
  save(): object;
}

/** A stored document as Arroyo writes it, or one that is wrong. */
export interface ArroyoDocument {
  readonly pins: string;
  readonly kind: "profile" | "table" | "config";
  readonly stored: unknown;
  /** What is loaded holds this; for a profile, its authentication. */
  readonly loaded?: object;
  /** Or: the code and a part of the message, which names the path. */
  readonly refused?: readonly [code: string, path: string];
}

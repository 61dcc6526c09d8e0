/**
 * The columns of a table and their SQL types. Row values per type are listed at {@link RowValue} in `row.ts`.
 * `sql-type.ts` reads and prints the types; `define-schema.ts` infers TypeScript row types from them.
 */
export type SqlType =
  | { readonly kind: "boolean" }
  | { readonly kind: "integer"; readonly bits: 16 | 32 | 64; readonly unsigned: boolean }
  | { readonly kind: "float"; readonly bits: 32 | 64 }
  | { readonly kind: "decimal"; readonly precision: number; readonly scale: number }
  | { readonly kind: "text" }
  | { readonly kind: "uuid" }
  | { readonly kind: "bytes" }
  | { readonly kind: "date" }
  | { readonly kind: "time" }
  | { readonly kind: "timestamp"; readonly precision: number }
  | { readonly kind: "json" }
  | { readonly kind: "array"; readonly element: SqlType }
  | { readonly kind: "struct"; readonly fields: readonly Column[] };

export interface Column {
  /** As the user wrote it; payload fields match it exactly. */
  readonly name: string;
  readonly type: SqlType;
  /** False for NOT NULL. */
  readonly nullable: boolean;
  /** Set for `METADATA FROM 'key'`: the value comes from the message around the payload, not from the payload. */
  readonly metadataKey?: string;
}

/**
 * The columns of a source or sink, in declared order. None: rows of any shape, which only some formats carry
 * (`Format.anyRows`). `R` is the row type that {@link defineSchema} inferred; it exists
 * for the compiler alone.
 */
export interface ConnectionSchema<R = unknown> {
  readonly columns: readonly Column[];
  readonly "~row"?: R;
}

/** The columns that live in the payload: what a format sees. */
export function physicalSchema(schema: ConnectionSchema): ConnectionSchema {
  return { columns: schema.columns.filter((column) => column.metadataKey === undefined) };
}

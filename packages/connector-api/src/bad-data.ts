/**
 * What to do with input that cannot become a row, or a row that cannot become output: stop the pipeline (the default),
 * or count it and go on without it. `dead_letter` belongs to a later version and is refused until then.
 */
export type BadDataConfig = { readonly behavior: "fail" } | { readonly behavior: "drop" };

export const failOnBadData: BadDataConfig = { behavior: "fail" };
